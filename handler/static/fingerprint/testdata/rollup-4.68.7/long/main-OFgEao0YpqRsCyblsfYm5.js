var logo = new URL('assets/logo-8zBL_33DjZa-6PyY08vU9.svg', import.meta.url).href;

const show = (text) => { document.querySelector('#orders').textContent = text; };

const image = new Image();
image.src = logo;
document.body.append(image);
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
worker.onmessage = (message) => show(message.data);
document.body.onclick = () => import('./chunks/lazy-CDz3vOisoUnqP12YKtpPF.js').then((lazy) => lazy.run());

export { show as s };
