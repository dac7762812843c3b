// The order of messages in a copy, seen by proxies in front of its source and of the receivers without a fault.
import assert from 'node:assert/strict'
import type { Server } from '../../../scripts/postgres/server.js'
import { type Relay, relay } from '../../support/relay.js'

/** One connection to a receiver's server. */
interface Line {
  copies: boolean
  lastUp: string
  lastDown: string
}

export interface OrderWatch {
  /** By way of a proxy that sees when the source has come to its full end. */
  readonly source: Server['connection']
  /** By way of a proxy that sees CopyDone, and how the connection is left. */
  target(server: Server): Promise<Server['connection']>
  /**
   * Fails where CopyDone was sent before the source had ended, or where a connection that copied was left without being
   * aligned: idle by the server's own word, and Terminate is the last message that it gets.
   */
  assertKept(): void
  close(): Promise<void>
}

const isCopyEnd = (body: Buffer): boolean => body.toString('latin1').startsWith('COPY ')

export const watchOrder = async (source: Server): Promise<OrderWatch> => {
  const proxies: Relay[] = []
  const lines: Line[] = []
  const wrong: string[] = []
  let isComplete = false
  let hasEnded = false
  const first = await relay(source, ({ direction, type, body }) => {
    if (direction === 'to-client' && type === 'C' && isCopyEnd(body)) isComplete = true
    if (direction === 'to-client' && type === 'Z' && isComplete) hasEnded = true
    return undefined
  })
  proxies.push(first)
  return {
    source: first.connection,
    async target(server) {
      const own: Line[] = []
      const proxy = await relay(server, ({ connection, direction, type, bytes }) => {
        const line = own[connection] ?? { copies: false, lastUp: '', lastDown: '' }
        if (own[connection] === undefined) lines.push(line)
        own[connection] = line
        if (direction === 'to-server') line.lastUp = type
        else line.lastDown = type === 'Z' ? bytes.toString('latin1', 5) : type
        if (type === 'G') line.copies = true
        if (direction === 'to-server' && type === 'c' && !hasEnded)
          wrong.push('CopyDone before the source’s end')
        return undefined
      })
      proxies.push(proxy)
      return proxy.connection
    },
    assertKept() {
      assert.deepEqual(wrong, [])
      for (const line of lines)
        if (line.copies) assert.deepEqual(line, { copies: true, lastUp: 'X', lastDown: 'I' }, 'not aligned')
    },
    async close() {
      await Promise.all(proxies.map((proxy) => proxy.close()))
    },
  }
}
