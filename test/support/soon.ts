export { inTime as soon } from './bound.js'
