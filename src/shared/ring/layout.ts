/**
 * Where everything lies in the ring's shared memory. The only file that knows byte offsets.
 *
 * ```
 * 0              CELLS_BYTES        tableAt              scratchAt        slotsAt
 * | main's cells | read cursors ... | slot table ...     | scratch        | slot 0 | slot 1 | ...
 * ```
 *
 * Every cell is an int32 and has exactly one writer:
 *
 * | cell                                      | written by                                | waited on by |
 * |-------------------------------------------|-------------------------------------------|--------------|
 * | bell: counts publishes and state changes  | main                                      | receivers    |
 * | published: low 32 bits of the next sequence to be published | main, after the slot | –            |
 * | stream state: open, ended, aborted        | main                                      | –            |
 * | slot table: bytes, rows, continues        | main, before the sequence is published    | –            |
 * | read cursor of receiver i: low 32 bits of the next sequence to release | receiver i (main only while it does not run) | main |
 * | scratch, slots                            | main, while it owns them                  | –            |
 *
 * Receivers wait on the bell and not on `published`, since a state change must wake them too: one cell that changes
 * with either leaves no gap between looking and waiting.
 */

/** A CopyData header ('d', int32 length) is written into the first bytes of a slot at publish. */
export const HEADER_BYTES = 5

/** Cells that one side writes often stand apart, or the other side's reads would slow the writes (false sharing). */
const LINE_BYTES = 128
const BELL_AT = 0
const PUBLISHED_AT = LINE_BYTES
const STATE_AT = 2 * LINE_BYTES
const CURSORS_AT = 3 * LINE_BYTES

/** Receivers that one ring can feed in its life, those that were dropped or joined late included. */
export const MAX_RECEIVERS = 1024

const TABLE_AT = CURSORS_AT + MAX_RECEIVERS * LINE_BYTES
const TABLE_ENTRY_BYTES = 16
const PAGE_BYTES = 4096

/** Memory for a read when no slot may be handed out; one kernel socket buffer's worth is plenty. */
export const SCRATCH_BYTES = 64 * 1024

/** Legal ranges of the ring options. The total stays below 1 GiB so that every address is a positive int32. */
export const RING_LIMITS = {
  slots: { min: 2, max: 4096 },
  slotBytes: { min: 64, max: 64 * 1024 * 1024 },
  totalBytes: 1024 * 1024 * 1024,
} as const

export const DEFAULT_SLOTS = 16
export const DEFAULT_SLOT_BYTES = 2 * 1024 * 1024

/** Shape of a ring: plain data, posted to workers with the memory's buffer. */
export interface RingShape {
  readonly slots: number
  readonly slotBytes: number
}

const slotsAt = (slots: number): number => {
  const end = TABLE_AT + slots * TABLE_ENTRY_BYTES + SCRATCH_BYTES
  return Math.ceil(end / PAGE_BYTES) * PAGE_BYTES
}

/** Bytes of memory that a ring of this shape needs. */
export const ringBytes = (shape: RingShape): number => slotsAt(shape.slots) + shape.slots * shape.slotBytes

/** Address of the scratch region of SCRATCH_BYTES. */
export const scratchAt = (slots: number): number => TABLE_AT + slots * TABLE_ENTRY_BYTES

/** Slot of a sequence: computed at the point of use, never stored. */
export const slotOf = (shape: RingShape, sequence: number): number => sequence % shape.slots

/** Address of the first byte of a sequence's slot: its header; the payload begins HEADER_BYTES later. */
export const slotAt = (shape: RingShape, sequence: number): number =>
  slotsAt(shape.slots) + slotOf(shape, sequence) * shape.slotBytes

/** Indexes into an Int32Array over the whole memory. */
export const CELL = {
  bell: BELL_AT / 4,
  published: PUBLISHED_AT / 4,
  state: STATE_AT / 4,
  cursor: (receiver: number): number => (CURSORS_AT + receiver * LINE_BYTES) / 4,
  /** Three cells a slot: bytes, rows, continues. */
  table: (slot: number): number => (TABLE_AT + slot * TABLE_ENTRY_BYTES) / 4,
} as const
