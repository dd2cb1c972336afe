import { s as show } from '../main-82R35uMr.js';

var font = new URL('../assets/font-CYfk0b0K.woff2', import.meta.url).href;

const run = () => show('late, with ' + font);

export { run };
