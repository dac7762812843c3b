/**
 * Where everything lies in the ring's shared memory. The only file that knows byte offsets.
 *
 * ```
 * 0              CURSORS_AT         TABLE_AT           scratchAt        slotsAt
 * | main's cells | read cursors ... | table ...        | scratch        | slot 0 | slot 1 | ...
 *                                     |
 *                                     one entry of 32 bytes for each sequence in the ring:
 *                                     | slot | bytes | rows | flags | mark (2 cells) | part | spare |
 * ```
 *
 * The table says in which slot the slice of a sequence lies. The entry of sequence s is number s modulo `slots`. Any slot
 * may hold the slice: a slot belongs to its sequence from the publish until all receivers have released it.
 *
 * Every cell is an int32 and has exactly one writer:
 *
 * | cell                                                   | written by                                   | waited on by |
 * |--------------------------------------------------------|----------------------------------------------|--------------|
 * | bell: counts publishes and state changes               | main                                         | receivers    |
 * | published: low 32 bits of the next sequence to publish | main, after slot and entry are complete      | –            |
 * | stream state: open, ended, aborted                     | main                                         | –            |
 * | read cursor of receiver i: low 32 bits of the next sequence to release | receiver i; main only while receiver i does not run | main |
 * | entry of sequence s: slot, bytes, rows, flags          | main, before s is published and after every gating cursor has passed s − `slots` | – |
 * | entry of sequence s: mark, part                        | no thread yet: 0                             | –            |
 * | scratch                                                | main                                         | –            |
 * | a slot                                                 | main, from the claim until the publish       | –            |
 *
 * Receivers wait on the bell and not on `published`, since a state change must wake them too. With two cells, the one that
 * is not waited on could change unnoticed.
 */

/** A CopyData header ('d', int32 length) is written into the first bytes of a slot at publish. */
export const HEADER_BYTES = 5

/** Cells that one side writes often stand apart, or the other side's reads would slow the writes (false sharing). */
const LINE_BYTES = 128
const BELL_AT = 0
const PUBLISHED_AT = LINE_BYTES
const STATE_AT = 2 * LINE_BYTES
const CURSORS_AT = 3 * LINE_BYTES

/** Receivers that one ring can feed in its life, including those that were dropped or joined late. */
export const MAX_RECEIVERS = 1024

const TABLE_AT = CURSORS_AT + MAX_RECEIVERS * LINE_BYTES
const ENTRY_BYTES = 32
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
  const end = TABLE_AT + slots * ENTRY_BYTES + SCRATCH_BYTES
  return Math.ceil(end / PAGE_BYTES) * PAGE_BYTES
}

/** Bytes of memory that a ring of this shape needs. */
export const ringBytes = (shape: RingShape): number => slotsAt(shape.slots) + shape.slots * shape.slotBytes

/** Address of the scratch region of SCRATCH_BYTES, which begins where the table ends. */
export const scratchAt = (slots: number): number => TABLE_AT + slots * ENTRY_BYTES

/** Number of a sequence's entry in the table: computed at the point of use, never stored. */
export const entryOf = (shape: RingShape, sequence: number): number => sequence % shape.slots

/** Address of a slot's first byte, which is its header's; the payload begins HEADER_BYTES later. */
export const slotAt = (shape: RingShape, slot: number): number =>
  slotsAt(shape.slots) + slot * shape.slotBytes

/** Indexes into an Int32Array over the whole memory. */
export const CELL = {
  bell: BELL_AT / 4,
  published: PUBLISHED_AT / 4,
  state: STATE_AT / 4,
  cursor: (receiver: number): number => (CURSORS_AT + receiver * LINE_BYTES) / 4,
  /** First cell of an entry; the cells of ENTRY follow from there. */
  entry: (entry: number): number => (TABLE_AT + entry * ENTRY_BYTES) / 4,
} as const

/** The cells of a table entry that are used, counted from its first. Cells 4 and 5 are mark, 6 is part, 7 is spare. */
export const ENTRY = { slot: 0, bytes: 1, rows: 2, flags: 3 } as const

/** Bits of an entry's flags. */
export const FLAG = {
  /** The slice's last row goes on in the next slice. */
  continues: 1,
  /** The slice begins inside a row that the slice before began. */
  continued: 2,
} as const
