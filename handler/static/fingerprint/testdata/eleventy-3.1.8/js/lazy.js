import { show } from './shared.js'
import font from './font.woff2'

export const run = () => show('late, with ' + font)
