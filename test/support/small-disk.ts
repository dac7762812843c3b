import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server } from '../../scripts/postgres/server.js'

const SIZE = '4m'

const mounted: string[] = []

/** Unmounts all small disks. Call it after the servers have stopped, when no file on the disks is open. */
export const unmountSmallDisks = (): void => {
  for (const folder of mounted.splice(0)) {
    spawnSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A disk of 4 MiB for tables of one server of a test file. */
export interface SmallDisk {
  /** Why this machine cannot have one, e.g. since only root may mount it; undefined if it can. */
  readonly unless: string | undefined
  /** Moves an empty table to the disk. */
  holdTable(server: Server, table: string): Promise<void>
}

export const makeSmallDisk = (): SmallDisk => {
  let isReady: Promise<void> | undefined
  const makeTablespace = async (server: Server): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'cm-full-'))
    mounted.push(folder)
    const { status, stderr } = mount(folder)
    if (status !== 0) throw new Error(`mount: ${stderr.trim()}`)
    const { uid, gid } = statSync(`/proc/${server.pid}`)
    chownSync(folder, uid, gid)
    chmodSync(folder, 0o700)
    await server.query(`CREATE TABLESPACE small LOCATION '${folder}'`)
  }
  return {
    unless: whyNone(),
    async holdTable(server, table) {
      isReady ??= makeTablespace(server)
      await isReady
      await server.query(`ALTER TABLE ${table} SET TABLESPACE small`)
    },
  }
}

const mount = (folder: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder], { encoding: 'utf8' })

const whyNone = (): string | undefined => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root may mount a tmpfs'
  const folder = mkdtempSync(join(tmpdir(), 'cm-full-'))
  const { status, stderr } = mount(folder)
  if (status === 0) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true, force: true })
  return status === 0 ? undefined : `mount: ${stderr.trim()}`
}
