import type { Interrupts } from './interrupts.js'
import type { Output } from './output.js'

/** What a command is given of the process it runs in. */
export interface Shell {
  readonly output: Output
  readonly interrupts: Interrupts
}
