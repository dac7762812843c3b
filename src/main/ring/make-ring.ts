import { RingGate } from './gate.js'
import { memoryMove } from './memory-move.js'
import { Ring, type RingOptions, ringShape } from './ring.js'
import { SlotTable } from './slot-table.js'
import { RingWriter } from './writer.js'

/** A ring with its writing end: what one copy needs on the main thread. */
export interface RingParts {
  readonly ring: Ring
  readonly gate: RingGate
  readonly table: SlotTable
  readonly writer: RingWriter
}

/** @param published called after each publish; @param firstSequence 0 except in tests, which start near 2^31 and 2^32 */
export const makeRing = (
  options: RingOptions | undefined,
  published: () => void,
  firstSequence = 0,
): RingParts => {
  const ring = new Ring(ringShape(options), firstSequence)
  const gate = new RingGate(ring)
  const table = new SlotTable(ring, gate)
  const writer = new RingWriter(ring, gate, table, memoryMove(ring.memory), published)
  return { ring, gate, table, writer }
}
