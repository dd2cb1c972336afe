var logo = new URL('assets/logo-3ccc12ffdf70e365.svg', import.meta.url).href;

const show = (text) => { document.querySelector('#orders').textContent = text; };

const image = new Image();
image.src = logo;
document.body.append(image);
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
worker.onmessage = (message) => show(message.data);
document.body.onclick = () => import('./chunks/lazy-a82095f60fd56119.js').then((lazy) => lazy.run());

export { show as s };
