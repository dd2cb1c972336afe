import { s as show } from '../main-OFgEao0YpqRsCyblsfYm5.js';

var font = new URL('../assets/font-CYfk0b0Kj-I25HdKVUigF.woff2', import.meta.url).href;

const run = () => show('late, with ' + font);

export { run };
