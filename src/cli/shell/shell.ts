import type { Interrupts } from './interrupts.js'
import type { Output } from './output.js'

/** The parts of the process that a command uses. */
export interface Shell {
  readonly output: Output
  readonly interrupts: Interrupts
}
