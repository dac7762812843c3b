import { existsSync, readFileSync } from 'node:fs'

const TABLE = '/proc/net/tcp'
const TICKS_PER_SECOND = 100
const ESTABLISHED = '01'
/** What the kernel says of a socket with nothing to send whose keepalive is on. */
const KEEPALIVE_TIMER = '02'

export const seesKeepalive = existsSync(TABLE)

/**
 * Of each connection to a port of 127.0.0.1, in how many seconds the kernel will send a keepalive probe; undefined for
 * one that has no such timer, or something else to do first. Linux, by its table of sockets (Documentation/networking/proc_net_tcp.txt).
 */
export const probesDue = (port: number): (number | undefined)[] => {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync(TABLE, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state]) => remote === address && state === ESTABLISHED)
    .map((fields) => {
      const [timer, ticks] = (fields[5] ?? '').split(':')
      return timer === KEEPALIVE_TIMER ? Number.parseInt(ticks ?? '', 16) / TICKS_PER_SECOND : undefined
    })
}
