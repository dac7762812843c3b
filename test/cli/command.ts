import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const COPYMAN = fileURLToPath(new URL('../../src/cli/copyman.js', import.meta.url))

/** What the command came to. */
export interface Ended {
  readonly status: number
  readonly stdout: string
  /** Without the lines of progress that come now and then. */
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly input?: string | Buffer
}

/** Without what the machine at hand may set. */
const quietEnv = (env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => {
  const { FORCE_COLOR: _, NO_COLOR: __, PGPASSWORD: ___, ...rest } = process.env
  return { ...rest, ...env }
}

/** Starts the command as a process of its own. */
export const start = (args: readonly string[], options: RunOptions = {}): ChildProcess => {
  const child = spawn(process.execPath, [COPYMAN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: quietEnv(options.env),
    cwd: options.cwd,
  })
  // a command that does not read is not to be a fault of the test
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input)
  return child
}

/** Lines of progress are the only ones that begin with two spaces. */
const PROGRESS = /^ {2}(?! ).*\n/gm

/** What a process prints until its end. */
export const ended = async (child: ChildProcess): Promise<Ended> => {
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk) => (stdout += chunk))
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  const status = await new Promise<number>((resolve) => child.once('close', resolve))
  return { status, stdout, stderr: stderr.replace(PROGRESS, '') }
}

/** Runs the command to its end. */
export const run = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  ended(start(args, options))

/** The lines of JSON that it printed. */
export const linesOf = ({ stdout }: Ended): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
