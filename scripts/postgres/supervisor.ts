import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, closeSync, mkdtempSync, openSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account, Order, Report } from './orders.js'
import { killOrphans, removeSharedMemory } from './remains.js'

/*
 * A process of its own that owns the temporary folder and every process that uses it. It starts processes only on order,
 * and cleans up and exits when the channel to its parent closes, for whatever reason: stop(), exit, Ctrl-C, SIGKILL. So
 * there is only one way to clean up, and it works whenever the parent dies.
 */

/** A Unix socket path holds 103 bytes on macOS, 107 on Linux; '/.s.PGSQL.65535' takes 15. */
const FOLDER_BYTES = 103 - 15
/** An immediate shutdown kills backends after 5 s and initdb takes 1 s; a loaded machine needs more. */
const SHUTDOWN_MS = 20_000
const SWEEP_MS = 5000

const running = new Map<number, { child: ChildProcess; stopSignal: NodeJS.Signals | undefined }>()
const account = process.getuid?.() === 0 ? findAccount() : undefined
let folder: string | undefined
let leaving = false

process.on('disconnect', leave)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave)
process.on('uncaughtException', (error) => {
  report({ report: 'fault', message: error.message })
  process.exitCode = 1
  if (leaving) process.exit() // the cleanup itself failed
  leave()
})
process.on('message', handle)
// If the parent died before the listeners were added, no 'disconnect' event comes.
if (process.connected) {
  folder = makeFolder()
  report({ report: 'ready', folder, account })
} else leave()

function report(message: Report): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

/** The user for initdb and postgres, which refuse to run as root: `postgres`, else `nobody`. */
function findAccount(): Account {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }))
    if (uid?.status === 0 && gid?.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  }
  return { uid: 65534, gid: 65534 }
}

/** In TMPDIR; in /tmp if TMPDIR is too long for a socket or not readable for the server's user. */
function makeFolder(): string {
  for (const base of [tmpdir(), '/tmp']) {
    const made = mkdtempSync(join(base, 'cm-'))
    if (account) chownSync(made, account.uid, account.gid)
    const seen = spawnSync('ls', [made], { stdio: 'ignore', ...account }).status === 0
    if (seen && Buffer.byteLength(made) <= FOLDER_BYTES) return made
    rmdirSync(made)
  }
  throw new Error(`neither ${tmpdir()} nor /tmp can hold a server: too long for a socket, or not readable`)
}

function handle(order: Order): void {
  if (leaving) return
  switch (order.order) {
    case 'launch':
      launch(order)
      break
    case 'signal':
      // By the ChildProcess and not by its id: after its exit the id may belong to another process.
      running.get(order.id)?.child.kill(order.signal)
      break
    default:
      throw new Error(`unknown order: ${JSON.stringify(order satisfies never)}`)
  }
}

function launch({ id, file, args, log, as, stopSignal }: Order & { order: 'launch' }): void {
  const output = openSync(log, 'a')
  const user = as === 'server' ? account : undefined
  // A process group of its own (detached): Ctrl-C does not reach it, and killing the group kills a tool with its children.
  const child = spawn(file, args, { cwd: folder, stdio: ['ignore', output, output], detached: true, ...user })
  closeSync(output)
  running.set(id, { child, stopSignal })
  child.on('spawn', () => report({ report: 'launched', id, pid: child.pid as number }))
  child.on('error', (error) => ended(error.message))
  child.on('exit', (code, signal) => ended(code === 0 ? undefined : `exit status ${code ?? signal}`))
  function ended(reason: string | undefined): void {
    if (running.delete(id)) report({ report: 'ended', id, reason })
  }
}

async function leave(): Promise<void> {
  if (leaving) return
  leaving = true
  for (const { child, stopSignal } of running.values()) {
    if (stopSignal) child.kill(stopSignal)
    child.kill('SIGCONT') // a stopped process would never receive the signal
  }
  for (const end = Date.now() + SHUTDOWN_MS; running.size > 0 && Date.now() < end; ) await sleep(5)
  for (const { child } of running.values()) killGroup(child)
  for (const end = Date.now() + SWEEP_MS; folder && Date.now() < end && killOrphans(folder); ) await sleep(5)
  if (folder) {
    removeSharedMemory(folder)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
  process.exit()
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid) process.kill(-child.pid, 'SIGKILL')
  } catch {} // it has exited
}
