import { s as show } from '../main-13a7979b1881f7a0.js';

var font = new URL('../assets/font-987e4d1bd0a8fe23.woff2', import.meta.url).href;

const run = () => show('late, with ' + font);

export { run };
