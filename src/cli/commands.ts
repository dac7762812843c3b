import type { Command } from 'commander'
import { addBenchCommand } from './commands/bench.js'
import { addCheckCommand } from './commands/check.js'
import { addCopyCommand } from './commands/copy.js'
import { addDemoCommand } from './commands/demo.js'
import type { Shell } from './shell.js'

/** Adds one command to the program; `done` takes its exit status. */
type AddCommand = (program: Command, shell: Shell, done: (status: number) => void) => void

/** Every command, in the order of the help. */
export const COMMANDS: readonly AddCommand[] = [
  addCopyCommand,
  addCheckCommand,
  addBenchCommand,
  addDemoCommand,
]
