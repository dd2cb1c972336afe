import './style.css'
import logo from './logo.svg'
import { show } from './shared.js'

const image = new Image()
image.src = logo
document.body.append(image)
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
worker.onmessage = (message) => show(message.data)
document.body.onclick = () => import('./lazy.js').then((lazy) => lazy.run())
