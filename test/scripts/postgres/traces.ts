import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Servers } from '../../../scripts/postgres/servers.js'

/** All that servers may leave. */
export interface Traces {
  folder: string
  supervisorPid: number
  pids: number[]
  ports: number[]
}

export function tracesOf(servers: Servers): Traces {
  const { folder, supervisorPid } = servers
  const pids = servers.map((server) => server.pid ?? assert.fail(`${server.name} does not run`))
  return { folder, supervisorPid, pids, ports: servers.map((server) => server.connection.port) }
}

/** Descriptions of all that is left: processes, listening ports, the folder, shared memory. */
export async function remaining({ folder, supervisorPid, pids, ports }: Traces): Promise<string[]> {
  const open = await Promise.all(ports.map(isOpen))
  return [
    ...[supervisorPid, ...pids].filter(isAlive).map((pid) => `process ${pid}`),
    ...ports.filter((_, index) => open[index]).map((port) => `port ${port}`),
    ...(existsSync(folder) ? [folder] : []),
    ...segmentsOf(pids).map((id) => `shared memory segment ${id}`),
  ]
}

/** Fails if something is left after `withinMs`, and lists it. */
export async function assertGone(traces: Traces, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs
  while ((await remaining(traces)).length > 0 && Date.now() < end) await sleep(20)
  assert.deepEqual(await remaining(traces), [])
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Linux lists System V segments with the process that created each: key shmid perms size cpid … */
function segmentsOf(pids: number[]): string[] {
  if (!existsSync('/proc/sysvipc/shm')) return []
  const rows = readFileSync('/proc/sysvipc/shm', 'utf8').trimEnd().split('\n').slice(1)
  const segments = rows.map((row) => row.trim().split(/\s+/))
  return segments.filter(([, , , , maker]) => pids.includes(Number(maker))).map(([, id]) => `${id}`)
}
