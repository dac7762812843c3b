import { columns, complete, dataRow, notice } from '../support/backend-messages.js'
import { message } from '../support/wire.js'

type Random = () => number

const LENGTHS = [0, 1, 2, 3, 5, -1, -4, -(2 ** 31), 30_001, 16 * 1024 * 1024 + 1, 2 ** 31 - 1]
const TYPES = [...'RSKZENATDCI123nstGHdcWVvfQX \0\u00ff']
const STRAY: readonly Buffer[] = [
  ...['c', '1', '2', '3', 'I', 'n', 's', 'W'].map((type) => message(type)),
  message('Z', 'T'),
  message('d', 'row\n'),
  message('G', Buffer.from([0, 0, 1, 0, 0])),
  message('H', Buffer.from([0, 0, 1, 0, 0])),
  message('A', '\0\0\0\x07channel\0payload\0'),
  message('S', 'DateStyle\0ISO, DMY\0'),
  message('E', 'SERROR\0C57014\0Mcanceled\0\0'),
  notice('hello'),
  columns(),
  dataRow('value'),
  complete('COPY 7'),
]

const below = (random: Random, limit: number): number => Math.floor(random() * limit)
export const oneOf = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T

const bytesOf = (random: Random, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => below(random, 256)))

/** What may become of one frame on its way: other frames or bytes in its place. */
const MUTATIONS: readonly ((frame: Buffer, random: Random) => readonly Buffer[])[] = [
  (frame, random) => {
    const bytes = Buffer.from(frame)
    bytes[below(random, bytes.length)] = below(random, 256)
    return [bytes]
  },
  (frame, random) => {
    const bytes = Buffer.from(frame)
    bytes.writeInt32BE(oneOf(random, LENGTHS), 1)
    return [bytes]
  },
  (frame, random) => {
    const bytes = Buffer.from(frame)
    bytes[0] = oneOf(random, TYPES).charCodeAt(0)
    return [bytes]
  },
  // shorter or longer than its header says
  (frame, random) => [frame.subarray(0, below(random, frame.length))],
  (frame, random) => [frame, bytesOf(random, 1 + below(random, 8))],
  // a right length of a body that is cut
  (frame, random) => [
    message(String.fromCharCode(frame[0] as number), frame.subarray(5, 5 + below(random, frame.length))),
  ],
  (frame) => [frame, frame],
  () => [],
  (frame, random) => [oneOf(random, STRAY), frame],
  (_, random) => [oneOf(random, STRAY)],
  (frame, random) => [frame, message(oneOf(random, TYPES), bytesOf(random, below(random, 40)))],
]

/** Frames of which some are mutated, as bytes, and where in these each mutated one begins. */
export interface Mutated {
  readonly wire: Buffer
  readonly starts: readonly number[]
}

/** @returns the frames with some of them mutated, at least one */
export const mutate = (frames: readonly Buffer[], random: Random): Mutated => {
  const share = oneOf(random, [0.02, 0.1, 0.5])
  const certain = below(random, frames.length)
  const starts: number[] = []
  const parts: Buffer[] = []
  let bytes = 0
  for (const [number, frame] of frames.entries()) {
    const isMutated = number === certain || random() < share
    if (isMutated) starts.push(bytes)
    for (const part of isMutated ? oneOf(random, MUTATIONS)(frame, random) : [frame]) {
      parts.push(part)
      bytes += part.length
    }
  }
  return { wire: Buffer.concat(parts), starts }
}

/** The bytes in pieces: all at once, one by one, or as it comes. */
export function* chunksOf(wire: Buffer, random: Random): Generator<Buffer> {
  const largest = oneOf(random, [1, 3, 17, 200, wire.length, wire.length, wire.length])
  for (let at = 0; at < wire.length; ) {
    const size = largest === wire.length ? largest : 1 + below(random, largest)
    yield wire.subarray(at, at + size)
    at += size
  }
}
