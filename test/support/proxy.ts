import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { Connection } from '../../scripts/postgres/connection.js'
import type { Server } from '../../scripts/postgres/server.js'

/**
 * What the client is given for what the server sent, piece by piece, with a turn of the event loop between two. One that
 * throws cuts the connection.
 */
export type Relay = (bytes: Buffer) => Iterable<Buffer>

/** A real server behind a relay of ours, which cuts its answers up, or adds messages that it seldom sends. */
export interface Proxy {
  readonly connection: Connection
  /** Adds bytes to what all its clients are sent, now; the server must be silent. */
  inject(bytes: Buffer): void
  close(): Promise<void>
}

/** @param makeRelay makes the relay of one connection */
export const startProxy = async (server: Server, makeRelay: () => Relay): Promise<Proxy> => {
  const clients = new Set<Socket>()
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    clients.add(client)
    const { host, port } = server.connection
    const behind = connect({ host, port, noDelay: true, allowHalfOpen: true })
    const relay = makeRelay()
    client.on('error', () => behind.destroy())
    behind.on('error', () => client.destroy())
    client.on('close', () => {
      clients.delete(client)
      behind.destroy()
    })
    client.pipe(behind)
    const answer = async (): Promise<void> => {
      for await (const bytes of behind)
        for (const piece of relay(bytes)) {
          if (!client.write(piece)) await Promise.race([once(client, 'drain'), once(client, 'close')])
          await turn()
        }
      client.end()
    }
    answer().catch(() => client.destroy())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    connection: { ...server.connection, host: '127.0.0.1', port: (listener.address() as AddressInfo).port },
    inject(bytes) {
      for (const client of clients) client.write(bytes)
    },
    async close() {
      for (const client of clients) client.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}

/** Whole messages out of what comes: for a relay that adds some between them. */
export const makeFraming = (): ((bytes: Buffer) => Buffer[]) => {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    const messages: Buffer[] = []
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const end = 1 + rest.readInt32BE(1)
      messages.push(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
    return messages
  }
}

/** A relay that cuts the connection instead of passing on that a command is complete, such as COMMIT. */
export const cutInsteadOf = (tag: string): (() => Relay) => {
  const complete = Buffer.from(`${tag}\0`)
  return () => {
    const frame = makeFraming()
    return function* (bytes) {
      for (const message of frame(bytes)) {
        if (message[0] === 0x43 && message.subarray(5).equals(complete)) throw new Error(`cut at ${tag}`)
        yield message
      }
    }
  }
}

const message = (type: string, payload: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(payload.length + 4)
  return Buffer.concat([Buffer.from(type), length, payload])
}

/** A relay that keeps back the first message of this type and all behind it, until they are asked for, to be injected. */
export const keepBackFrom = (
  type: string,
): { makeRelay: () => Relay; keeps(): boolean; release(): Buffer } => {
  const kept: Buffer[] = []
  let isReleased = false
  return {
    makeRelay: () => {
      const frame = makeFraming()
      return function* (bytes) {
        for (const message of frame(bytes)) {
          const isKept = kept.length > 0 || message[0] === type.charCodeAt(0)
          if (isKept && !isReleased) kept.push(message)
          else yield message
        }
      }
    },
    keeps: () => kept.length > 0,
    release() {
      isReleased = true
      return Buffer.concat(kept)
    },
  }
}

/** A NotificationResponse. */
export const notification = (channel: string, payload: string): Buffer =>
  message('A', Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from(`${channel}\0${payload}\0`)]))

/** A ParameterStatus. */
export const parameterStatus = (parameter: string, value: string): Buffer =>
  message('S', Buffer.from(`${parameter}\0${value}\0`))
