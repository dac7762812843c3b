import { type ChildProcess, fork, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { HostReply, HostRequest } from './fixtures/command-host.js'

const ENTRY = new URL('../../src/cli/copyman.js', import.meta.url)
export const COPYMAN = fileURLToPath(ENTRY)

/** How the command ended, and all that it printed. */
export interface Ended {
  readonly status: number
  readonly stdout: string
  /** Without the lines of progress that come now and then. */
  readonly stderr: string
}

export interface StartOptions {
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
export const start = (args: readonly string[], options: StartOptions = {}): ChildProcess => {
  const child = spawn(process.execPath, [COPYMAN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: quietEnv(options.env),
    cwd: options.cwd,
  })
  // a command that does not read its input must not fail the test
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

/** Runs the command as a process of its own to its end: for tests of its standard streams. */
export const runProcess = (args: readonly string[], options: StartOptions = {}): Promise<Ended> =>
  ended(start(args, options))

let host: ChildProcess | undefined
let busy: Promise<unknown> = Promise.resolve()

/** A process that stays, and ends with this one. */
const startHost = (): ChildProcess => {
  const child = fork(new URL('./fixtures/command-host.js', import.meta.url), {
    env: quietEnv(),
    execArgv: [],
  })
  child.unref()
  child.channel?.unref()
  return child
}

const ask = async (request: HostRequest): Promise<HostReply> => {
  host ??= startHost()
  const asked = host
  asked.channel?.ref()
  try {
    return await new Promise<HostReply>((resolve, reject) => {
      asked.once('message', resolve)
      asked.once('exit', (status, signal) => reject(new Error(`the host ended with ${status ?? signal}`)))
      asked.send(request)
    })
  } finally {
    asked.removeAllListeners()
    asked.channel?.unref()
  }
}

/** Runs the command to its end, in a process that runs one after the other. */
export const run = (
  args: readonly string[],
  { env, cwd = process.cwd() }: Omit<StartOptions, 'input'> = {},
): Promise<Ended> => {
  const running = busy.then(() => ask({ entry: ENTRY.href, args, env: quietEnv(env), cwd }))
  busy = running.catch(() => undefined)
  return running.then((reply) => ({ ...reply, stderr: reply.stderr.replace(PROGRESS, '') }))
}

/** The lines of JSON that it printed. */
export const linesOf = ({ stdout }: Ended): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
