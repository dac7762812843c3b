import { type Deframer, WasmDeframer } from './deframer.js'
import { RingGate } from './gate.js'
import { Ring, type RingOptions, ringShape } from './ring.js'
import { RingWriter } from './writer.js'

/** A ring with its writing end: what one copy needs on the main thread. */
export interface RingParts {
  readonly ring: Ring
  readonly gate: RingGate
  readonly deframer: Deframer
  readonly writer: RingWriter
}

/** @param firstSequence 0 but in tests, which start near 2^31 and 2^32 */
export const makeRing = (
  options: RingOptions | undefined,
  published: () => void,
  firstSequence = 0,
): RingParts => {
  const ring = new Ring(ringShape(options), firstSequence)
  const gate = new RingGate(ring)
  const deframer = new WasmDeframer(ring.memory)
  return { ring, gate, deframer, writer: new RingWriter(ring, gate, deframer, published) }
}
