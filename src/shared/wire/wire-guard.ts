import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { CopyError, messageOf } from '../errors/errors.js'
import { MessageReader } from './message-reader.js'
import { clean } from './server-error.js'

/** pg's connection as it is, beyond its types. */
type ParsingConnection = pg.Connection & {
  /** Called once, with the stream that messages come by, as soon as there is one. */
  attachListeners(stream: Duplex): void
}

type Parse = (bytes: Buffer) => void

const HEADER_BYTES = 5
/** All that a server sends to a client which does neither replication nor function calls. */
const KNOWN_TYPES = 'RSKZENATDCI123nstGHdc'

/**
 * Stands between a connection of ours and pg's parser, which waits for ever for the rest of a message that says it is
 * huge, reads on for ever where an error's fields do not end, and throws out of the socket's own event at what it
 * cannot read. Here each of these ends the connection with a CopyError COPY_PROTOCOL. Call it before `connect`.
 */
export const guardWire = (connection: pg.Connection): void => {
  const guarded = connection as ParsingConnection
  const { attachListeners } = guarded
  guarded.attachListeners = (stream) => {
    attachListeners.call(connection, stream)
    const parsers = stream.listeners('data') as Parse[]
    stream.removeAllListeners('data')
    stream.on('data', guard(stream, parsers))
  }
}

const guard = (stream: Duplex, parsers: readonly Parse[]): Parse => {
  const reader = new MessageReader()
  return (bytes) => {
    try {
      for (let at = 0; at < bytes.length && !stream.destroyed; ) {
        const { taken, message } = reader.take(bytes.subarray(at))
        at += taken
        if (message === undefined) continue
        // one at a time: its own end is then where reading beyond it fails
        const checked = checkType(message)
        for (const parse of parsers) parse.call(stream, checked)
      }
    } catch (error) {
      const cause = error instanceof CopyError ? undefined : error
      stream.destroy(new CopyError('COPY_PROTOCOL', messageOf(error), { cause }))
    }
  }
}

const checkType = (message: Buffer): Buffer => {
  const type = String.fromCharCode(message[0] as number)
  if (!KNOWN_TYPES.includes(type)) {
    throw new CopyError(
      'COPY_PROTOCOL',
      `the server sent message ${JSON.stringify(type)}, which is out of place`,
    )
  }
  return type === 'E' ? printable(message) : message
}

/** An error's text ends in terminals and logs, also as a cause. */
const printable = (message: Buffer): Buffer => {
  const text = message.toString('utf8', HEADER_BYTES)
  const cleaned = text.split('\0').map(clean).join('\0')
  if (cleaned === text) return message
  const body = Buffer.from(cleaned)
  const header = Buffer.from(message.subarray(0, HEADER_BYTES))
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}
