/**
 * A sequence numbers a slot's contents. It only grows: a full number here (exact to 2^53), its low 32 bits in a cell.
 */

/** The low 32 bits of a sequence, as the signed number an Int32Array holds. */
export const toCell = (sequence: number): number => sequence | 0

/**
 * The full sequence that a cell stands for, given a full number of the same counter that is less than 2^31 away from
 * it: right across 2^31 and 2^32, since the difference is taken modulo 2^32.
 */
export const fromCell = (near: number, cell: number): number => near + ((cell - toCell(near)) | 0)
