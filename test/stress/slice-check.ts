import { HEADER_BYTES } from '../../src/shared/ring/layout.js'
import type { RingSlice } from '../../src/shared/ring/slice-reader.js'
import type { RowStream } from './row-stream.js'

/** Where in the rows a slice begins. */
export interface Place {
  readonly row: number
  /** Bytes of that row in earlier slices. */
  readonly offset: number
}

const demand = (holds: boolean, slice: RingSlice, text: string): void => {
  if (!holds) throw new Error(`slice ${slice.sequence}: ${text}`)
}

/**
 * Checks every byte of a slice that begins at `place`.
 * @returns where the next slice begins
 * @throws Error that names the slice and what is wrong with it
 */
export const checkSlice = (rows: RowStream, slice: RingSlice, place: Place, slotBytes: number): Place => {
  const { frame, bytes } = slice
  const header = new DataView(frame.buffer, frame.byteOffset, HEADER_BYTES)
  demand(header.getUint8(0) === 0x64, slice, `type byte ${header.getUint8(0)}`)
  demand(header.getInt32(1) === bytes + 4, slice, `length ${header.getInt32(1)} for ${bytes} bytes`)
  let { row, offset } = place
  demand(
    slice.continued === offset > 0,
    slice,
    `continued is ${slice.continued} at offset ${offset} of row ${row}`,
  )
  let at = HEADER_BYTES
  for (let ended = 0; ended < slice.rows; ended += 1) {
    const left = rows.bytesOf(row) - offset
    demand(at + left <= frame.length, slice, `row ${row} ends after the slice`)
    rows.check(row, offset, frame.subarray(at, at + left))
    at += left
    offset = 0
    row += 1
  }
  const rest = frame.length - at
  demand(slice.continues === rest > 0, slice, `continues is ${slice.continues}, ${rest} bytes after its rows`)
  if (rest === 0) return { row, offset }
  demand(slice.rows === 0, slice, 'rows in front of a row that goes on')
  demand(rows.bytesOf(row) > slotBytes - HEADER_BYTES, slice, `row ${row} was cut, although it fits a slot`)
  demand(offset + rest < rows.bytesOf(row), slice, `row ${row} goes on, although it ends here`)
  rows.check(row, offset, frame.subarray(at))
  return { row, offset: offset + rest }
}
