import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { answers, type Connection } from './connection.js'
import type { Supervision, Task } from './supervision.js'

const POLL_MS = 15
const STOP_MS = 60_000
const LOG_LINES = 20
/** Another process has taken the port, or backends of a killed postmaster have not exited yet. */
const BUSY = /Address already in use|shared memory block .* is still in use/

/** The postmaster did not start. `busy`: another attempt, perhaps on another port, may succeed. */
export class StartFailure extends Error {
  readonly busy: boolean

  constructor(reason: string, log: string) {
    super(`PostgreSQL did not start: ${reason}; its log:\n${log.split('\n').slice(-LOG_LINES).join('\n')}`)
    this.name = 'StartFailure'
    this.busy = BUSY.test(log)
  }
}

/**
 * Starts a server on a data folder; its log goes to `<folder>.log`. Resolves when the server answers on `socket`.
 * Rejects with a `StartFailure` if the server exits first, or does not answer until `deadline` (ms since 1970).
 */
export async function startPostmaster(
  supervision: Supervision,
  bindir: string,
  folder: string,
  socket: Connection,
  deadline: number,
): Promise<Task> {
  const log = `${folder}.log`
  const before = (await readLog(log)).length
  const args = ['-D', folder, '-p', `${socket.port}`, '-k', socket.host]
  const file = join(bindir, 'postgres')
  const task = await supervision.launch({ file, args, log, as: 'server', stopSignal: 'SIGQUIT' })
  let reason: string | undefined
  void task.ended.then((status = 'exit status 0') => {
    reason = status
  })
  // By the socket, which is in our own folder: on the port another program's server may answer.
  while (reason === undefined && Date.now() < deadline) {
    if ((await answers(socket)) && reason === undefined) return task
    await sleep(POLL_MS)
  }
  if (reason === undefined) {
    await stopPostmaster(supervision, task, 'SIGQUIT')
    reason = 'no answer'
  }
  throw new StartFailure(reason, (await readLog(log)).slice(before).trimEnd())
}

/** Resolves when the postmaster has exited; rejects if it has not after 60 s. */
export async function stopPostmaster(
  supervision: Supervision,
  task: Task,
  signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL',
): Promise<void> {
  task.signal(signal)
  task.signal('SIGCONT') // a stopped process would not receive the signal
  const gone = task.ended.then(() => true)
  const late = sleep(STOP_MS, false, { ref: false })
  if (!(await supervision.hold(Promise.race([gone, late]))))
    throw new Error(`PostgreSQL has not stopped ${STOP_MS} ms after ${signal}`)
}

/** The text of a log; empty before the server has written anything. */
export async function readLog(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '')
}
