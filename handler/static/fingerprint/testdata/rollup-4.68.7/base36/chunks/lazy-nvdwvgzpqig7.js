import { s as show } from '../main-faxjp2xsxge1.js';

var font = new URL('../assets/font-jbajjlf7sb6h.woff2', import.meta.url).href;

const run = () => show('late, with ' + font);

export { run };
