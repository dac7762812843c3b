import { readFileSync } from 'node:fs'

const MIB = 1024 * 1024
const PAGE_BYTES = 4096
const EVERY_MS = 50

/** Resident bytes of a process and its descendants; undefined on systems without /proc. */
const residentBytes = (pid: number): number | undefined => {
  try {
    const [, resident] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return children.reduce(
      (sum, child) => sum + (residentBytes(Number(child)) ?? 0),
      Number(resident) * PAGE_BYTES,
    )
  } catch {
    return undefined
  }
}

/** Samples the resident memory of a process and its descendants until `peakMib()` is called. */
export const watchMemory = (pid: number): { peakMib(): number } => {
  let peak = Number.NaN
  const timer = setInterval(() => {
    const bytes = residentBytes(pid)
    if (bytes !== undefined) peak = Number.isNaN(peak) ? bytes : Math.max(peak, bytes)
  }, EVERY_MS)
  return {
    peakMib: () => {
      clearInterval(timer)
      return peak / MIB
    },
  }
}
