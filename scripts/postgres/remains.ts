import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/*
 * Cleans up after a postmaster that was killed and not started again.
 */

/**
 * Kills backends whose postmaster was killed: they would run on until they next wait. Linux shows them by their working
 * folder; on other systems they exit later. Returns whether there were any: call again until there are none.
 */
export function killOrphans(root: string): boolean {
  if (process.platform !== 'linux') return false
  let found = false
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readlinkSync(`/proc/${pid}/cwd`).startsWith(`${root}/`)) continue
      if (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'postgres\n') continue
      process.kill(Number(pid), 'SIGKILL')
      found = true
    } catch {} // gone, or another user's
  }
  return found
}

/** Removes the shared memory of killed postmasters. The seventh line of postmaster.pid holds the key and id of the segment. */
export function removeSharedMemory(root: string): void {
  for (const name of readdirSync(root)) {
    try {
      const id = readFileSync(join(root, name, 'postmaster.pid'), 'utf8')
        .split('\n')[6]
        ?.trim()
        .split(/\s+/)[1]
      if (id) spawnSync('ipcrm', ['-m', id], { stdio: 'ignore' })
    } catch {} // a folder without a killed server
  }
}
