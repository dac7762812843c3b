import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Account, Command, Order, Report } from './orders.js'

/** A child process of the supervisor. */
export interface Task {
  /** Undefined if the process could not be spawned; `ended` then has the reason. */
  readonly pid: number | undefined
  /** Resolves when the process has exited: undefined for status 0, else the reason. Never rejects. */
  readonly ended: Promise<string | undefined>
  signal(signal: NodeJS.Signals): void
}

interface Watch {
  launched(pid: number | undefined): void
  ended(reason: string | undefined): void
}

/**
 * A temporary folder and the processes that use it. Both belong to a supervisor process, which ends the processes and
 * removes the folder when `end` is called or this process exits. It keeps this process alive only during `hold`.
 */
export class Supervision {
  readonly #child: ChildProcess
  readonly #watches = new Map<number, Watch>()
  readonly #gone: Promise<number | null>
  #fault: string | undefined
  #ids = 0
  #holds = 0
  /** An absolute path, short enough for Unix sockets; mode 700, owned by `account` or by this user. */
  folder = ''
  account: Account | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#gone = new Promise((resolve) => child.once('exit', resolve))
    void this.#gone.then(() => {
      for (const watch of this.#watches.values()) watch.ended('its supervisor is gone')
    })
  }

  /** Rejects if no folder could be made. */
  static async begin(): Promise<Supervision> {
    const { NODE_OPTIONS: _, ...inherited } = process.env
    // PG* variables would reach the servers; their logs must not depend on the user's language; and without
    // TZ, initdb compares all time zones.
    const env = Object.fromEntries(Object.entries(inherited).filter(([name]) => !/^PG|^LC_/.test(name)))
    const child = fork(new URL('./supervisor.js', import.meta.url), {
      cwd: '/',
      detached: true,
      env: { ...env, LC_ALL: 'C', TZ: 'UTC' },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const supervision = new Supervision(child)
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.on('message', (report: Report) => supervision.#hear(report, resolve))
      void supervision.#gone.then(() =>
        reject(new Error(`no supervisor: ${supervision.#fault ?? 'it ended'}`)),
      )
    })
    supervision.#keepAlive(false)
    return supervision
  }

  get pid(): number {
    return this.#child.pid as number
  }

  #hear(report: Report, ready: () => void): void {
    switch (report.report) {
      case 'ready':
        this.folder = report.folder
        this.account = report.account
        ready()
        break
      case 'launched':
        this.#watches.get(report.id)?.launched(report.pid)
        break
      case 'ended':
        this.#watches.get(report.id)?.ended(report.reason)
        break
      case 'fault':
        this.#fault = report.message
        break
      default:
        throw new Error(`unknown report: ${JSON.stringify(report satisfies never)}`)
    }
  }

  /** Starts a process. Resolves also if the process could not be spawned. */
  async launch(command: Command): Promise<Task> {
    const id = ++this.#ids
    const watch: Partial<Watch> = {}
    const ended = new Promise<string | undefined>((resolve) => {
      watch.ended = resolve
    })
    const launched = new Promise<number | undefined>((resolve) => {
      watch.launched = resolve
    })
    void ended.then(() => this.#watches.delete(id) && watch.launched?.(undefined))
    this.#watches.set(id, watch as Watch)
    this.#send({ order: 'launch', id, ...command })
    const pid = await this.hold(launched)
    return { pid, ended, signal: (signal) => this.#send({ order: 'signal', id, signal }) }
  }

  /** Runs a tool to its end and returns its output. Rejects with the output if the tool fails. */
  async run(file: string, args: string[], as: 'server' | 'self' = 'server'): Promise<string> {
    const log = join(this.folder, `tool-${this.#ids + 1}.log`)
    const task = await this.launch({ file, args, log, as })
    const reason = await this.hold(task.ended)
    const output = readFileSync(log, 'utf8')
    if (reason !== undefined) throw new Error(`${file} failed: ${reason}\n${output}`.trim())
    return output
  }

  /** Awaits a promise that the supervisor settles, and keeps this process alive meanwhile. */
  async hold<T>(promise: Promise<T>): Promise<T> {
    if (this.#holds++ === 0) this.#keepAlive(true)
    try {
      return await promise
    } finally {
      if (--this.#holds === 0) this.#keepAlive(false)
    }
  }

  /** Resolves when all processes have exited and the folder is removed. May be called again. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const status = await this.hold(this.#gone)
    if (status !== 0)
      throw new Error(
        `${this.folder} was not cleaned up: the supervisor failed, ${this.#fault ?? `status ${status}`}`,
      )
  }

  #keepAlive(yes: boolean): void {
    for (const handle of [this.#child, this.#child.channel]) yes ? handle?.ref() : handle?.unref()
  }

  #send(order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => {})
    else if (order.order === 'launch') this.#watches.get(order.id)?.ended('its supervisor is gone')
  }
}
