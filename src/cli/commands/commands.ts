import type { Command } from 'commander'
import type { Shell } from '../shell/shell.js'
import { addBenchCommand } from './bench.js'
import { addCheckCommand } from './check.js'
import { addCopyCommand } from './copy.js'
import { addDemoCommand } from './demo.js'

/** Adds one command to the program. The command calls `done` with its exit status. */
type AddCommand = (program: Command, shell: Shell, done: (status: number) => void) => void

/** Every command, in the order of the help. */
export const COMMANDS: readonly AddCommand[] = [
  addCopyCommand,
  addCheckCommand,
  addBenchCommand,
  addDemoCommand,
]
