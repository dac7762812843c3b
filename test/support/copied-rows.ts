const SIGNATURE_BYTES = 19

/** How many rows a COPY's payload holds: lines, or the tuples of the binary format. */
export const rowsIn = (payload: Buffer, binary: boolean): number => {
  let rows = 0
  if (!binary) {
    for (let at = payload.indexOf(10); at !== -1; at = payload.indexOf(10, at + 1)) rows += 1
    return rows
  }
  for (let at = SIGNATURE_BYTES; at + 2 <= payload.length; rows += 1) {
    let fields = payload.readInt16BE(at)
    if (fields === -1) break
    for (at += 2; fields > 0; fields -= 1) at += 4 + Math.max(0, payload.readInt32BE(at))
  }
  return rows
}

const SIGNATURE = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const TRAILER = Buffer.from([255, 255])

export type CopyFormat = 'text' | 'csv' | 'binary'

/**
 * What a server sends for a table of so many rows of one text column, as CopyData payloads: in binary the header rides
 * with the first row, and the trailer is a message of its own.
 */
export const tableOf = (rows: number, format: CopyFormat): Buffer[] => {
  const values = Array.from({ length: rows }, (_, row) => `row ${row} ${'abcdefghij'.repeat(row % 4)}`)
  if (format === 'text') return values.map((value) => Buffer.from(`${value}\n`))
  if (format === 'csv') return values.map((value) => Buffer.from(`"${value}"\n`))
  const tuples = values.map((value) => {
    const head = Buffer.from([0, 1, 0, 0, 0, value.length])
    return Buffer.concat([head, Buffer.from(value)])
  })
  const [first = Buffer.alloc(0), ...rest] = tuples
  return [Buffer.concat([SIGNATURE, first]), ...rest, TRAILER]
}

/** The options after the statement for a format. */
export const optionsOf = (format: CopyFormat): string => (format === 'text' ? '' : ` (FORMAT ${format})`)
