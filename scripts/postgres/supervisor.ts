import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, closeSync, mkdtempSync, openSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account, Order, Report } from './orders.js'
import { killOrphans, removeSharedMemory } from './remains.js'

/*
 * A process of its own that owns the temporary folder and every process that works in it. It begins none
 * without an order and leaves when the channel to its parent closes, for whatever reason: stop(), exit,
 * Ctrl-C, SIGKILL. There is one way to clean up, and a parent that dies at any moment takes that way.
 */

/** A Unix socket path holds 103 bytes on macOS, 107 on Linux; '/.s.PGSQL.65535' takes 15. */
const FOLDER_BYTES = 103 - 15
/** An immediate shutdown kills backends after 5 s and initdb takes 1 s; a loaded machine needs more. */
const SHUTDOWN_MS = 20_000
const SWEEP_MS = 5000

const running = new Map<number, { child: ChildProcess; farewell: NodeJS.Signals | undefined }>()
const account = process.getuid?.() === 0 ? findAccount() : undefined
let folder: string | undefined
let leaving = false

process.on('disconnect', leave)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave)
process.on('uncaughtException', (error) => {
  report({ report: 'fault', message: error.message })
  process.exitCode = 1
  if (leaving) process.exit() // the cleaning itself failed
  leave()
})
process.on('message', obey)
// A parent that died before the listeners stood closes the channel unheard.
if (process.connected) {
  folder = makeFolder()
  report({ report: 'ready', folder, account })
} else leave()

function report(message: Report): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

/** The root user may run neither initdb nor postgres: the server's own user does, or nobody. */
function findAccount(): Account {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }))
    if (uid?.status === 0 && gid?.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  }
  return { uid: 65534, gid: 65534 }
}

/** TMPDIR may be too long for a socket, or lie where the server's user cannot look: then /tmp. */
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

function obey(order: Order): void {
  if (leaving) return
  switch (order.order) {
    case 'launch':
      launch(order)
      break
    case 'signal':
      // A ChildProcess that has ended is never signalled: its number may belong to another by now.
      running.get(order.id)?.child.kill(order.signal)
      break
    default:
      throw new Error(`unknown order: ${JSON.stringify(order satisfies never)}`)
  }
}

function launch({ id, file, args, log, as, farewell }: Order & { order: 'launch' }): void {
  const output = openSync(log, 'a')
  const user = as === 'server' ? account : undefined
  // A group of its own (detached): Ctrl-C does not reach it, and a tool dies together with its children.
  const child = spawn(file, args, { cwd: folder, stdio: ['ignore', output, output], detached: true, ...user })
  closeSync(output)
  running.set(id, { child, farewell })
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
  for (const { child, farewell } of running.values()) {
    if (farewell) child.kill(farewell)
    child.kill('SIGCONT') // a stopped server would never see its farewell
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
  } catch {} // it ended by itself
}
