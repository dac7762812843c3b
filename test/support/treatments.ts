import type { Frame } from './frames.js'
import type { Line, Stage } from './line.js'

/** A message on its way. Connections and messages count from 0, a connection's messages by direction. */
export interface PassingFrame extends Frame {
  readonly connection: number
  readonly direction: 'to-server' | 'to-client'
  readonly index: number
  /** Bytes that came before the message in this direction of the connection. */
  readonly offset: number
}

/** What a relay does with a message; undefined: it passes the message on. */
export type Treatment =
  | undefined
  /** Passes on the first `at` bytes, then cuts both sides: with a FIN, or with a RST. */
  | { readonly do: 'cut'; readonly at: number; readonly how: 'end' | 'reset' }
  /** Keeps back the message and all that follow it; until the line closes when the promise never settles. */
  | { readonly do: 'hold'; readonly until: Promise<unknown> }
  | { readonly do: 'delay'; readonly ms: number }
  | { readonly do: 'duplicate' }
  /** Passes the bytes on at this speed. */
  | { readonly do: 'throttle'; readonly bytesPerSecond: number }
  | { readonly do: 'replace'; readonly bytes: Uint8Array }

/** Looks at every message of every connection, in both directions. */
export type Treat = (frame: PassingFrame) => Treatment

/** The two stages that give every message its treatment. */
export const treating = (treat: Treat): { readonly toServer: Stage; readonly toClient: Stage } => ({
  toServer: (incoming, line) => treated('to-server', incoming, line, treat),
  toClient: (incoming, line) => treated('to-client', incoming, line, treat),
})

async function* treated(
  direction: PassingFrame['direction'],
  incoming: AsyncIterable<Buffer>,
  line: Line,
  treat: Treat,
): AsyncGenerator<Uint8Array> {
  const reader = direction === 'to-server' ? line.fromClient : line.fromServer
  let index = 0
  let offset = 0
  for await (const bytes of incoming) {
    // messages without a treatment go on together: a write for each row would cost more than the copy
    let untouched: Buffer[] = []
    for (const frame of reader.take(bytes)) {
      if (frame.type === 'ssl') line.fromServer.expectByte()
      const treatment = treat({ ...frame, connection: line.number, direction, index, offset })
      index += 1
      offset += frame.bytes.length
      if (treatment === undefined) {
        untouched.push(frame.bytes)
        continue
      }
      yield Buffer.concat(untouched)
      untouched = []
      if (treatment.do === 'cut') {
        yield frame.bytes.subarray(0, treatment.at)
        return line.cut(treatment.how)
      }
      yield* apply(frame.bytes, treatment, line)
    }
    yield Buffer.concat(untouched)
  }
}

async function* apply(
  bytes: Buffer,
  treatment: Exclude<Treatment, undefined | { do: 'cut' }>,
  line: Line,
): AsyncGenerator<Uint8Array> {
  switch (treatment.do) {
    case 'hold':
      await Promise.race([treatment.until, line.closed])
      return yield bytes
    case 'delay':
      await line.pause(treatment.ms)
      return yield bytes
    case 'duplicate':
      yield bytes
      return yield bytes
    case 'throttle':
      return yield* throttled(bytes, treatment.bytesPerSecond, line)
    case 'replace':
      return yield treatment.bytes
  }
}

const THROTTLE_MS = 20

async function* throttled(bytes: Buffer, bytesPerSecond: number, line: Line): AsyncGenerator<Uint8Array> {
  const piece = Math.max(1, Math.floor((bytesPerSecond * THROTTLE_MS) / 1000))
  for (let at = 0; at < bytes.length; at += piece) {
    yield bytes.subarray(at, at + piece)
    await line.pause(THROTTLE_MS)
  }
}

/** Cuts the connection after the first `bytes` bytes of the frame's direction. */
export const cutBehind = (frame: PassingFrame, bytes: number, how: 'end' | 'reset'): Treatment =>
  frame.offset + frame.bytes.length > bytes ? { do: 'cut', at: bytes - frame.offset, how } : undefined

/** Cuts the connection in the place of the server's CommandComplete with this tag, e.g. COMMIT. */
export const cutInsteadOf =
  (tag: string): Treat =>
  ({ direction, type, body }) =>
    direction === 'to-client' && type === 'C' && body.equals(Buffer.from(`${tag}\0`))
      ? { do: 'cut', at: 0, how: 'end' }
      : undefined

/** Keeps back the first message from the server that `isFirst` picks, and all later ones of all connections. */
export const keepBackFrom = (
  isFirst: (frame: PassingFrame) => boolean,
): { readonly treat: Treat; keeps(): boolean; release(): void } => {
  let keeps = false
  let release = (): void => undefined
  const until = new Promise<void>((resolve) => {
    release = resolve
  })
  return {
    treat: (frame) => {
      if (frame.direction === 'to-client') keeps ||= isFirst(frame)
      return keeps && frame.direction === 'to-client' ? { do: 'hold', until } : undefined
    },
    keeps: () => keeps,
    release: () => release(),
  }
}
