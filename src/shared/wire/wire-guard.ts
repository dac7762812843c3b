import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { CopyError, messageOf } from '../errors/errors.js'
import { MessageReader } from './message-reader.js'
import { HEADER_BYTES, isKnownType, MESSAGE_TYPE, showType } from './message-types.js'
import { clean } from './server-error.js'

/** What pg's connection offers beyond its types. */
type ParsingConnection = pg.Connection & {
  /** pg calls this once, when there is a stream that messages come by. */
  attachListeners(stream: Duplex): void
}

type Parse = (bytes: Buffer) => void

/**
 * Checks the messages on a connection of ours before pg's parser sees them. That parser waits for ever for the rest of a
 * message with a huge length, loops for ever where the fields of an error do not end, and throws inside the socket's own
 * event at a message that it cannot read. Here each of these ends the connection with a CopyError COPY_PROTOCOL. Call
 * this before `connect`.
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
        // one message at a time, so that pg cannot read beyond its end
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
  const type = message[0] as number
  if (!isKnownType(type)) {
    throw new CopyError('COPY_PROTOCOL', `the server sent message ${showType(type)}, which is out of place`)
  }
  return type === MESSAGE_TYPE.ErrorResponse ? printable(message) : message
}

/** Users see the text of an error in terminals and logs, also as a cause: control characters are replaced. */
const printable = (message: Buffer): Buffer => {
  const text = message.toString('utf8', HEADER_BYTES)
  const cleaned = text.split('\0').map(clean).join('\0')
  if (cleaned === text) return message
  const body = Buffer.from(cleaned)
  const header = Buffer.from(message.subarray(0, HEADER_BYTES))
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}
