export const show = (text) => { document.querySelector('#orders').textContent = text }
