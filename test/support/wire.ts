import fc from 'fast-check'

/** A wire message. @param length the header's length field. Default: the true length */
export const message = (type: string, body: Uint8Array | string = '', length?: number): Buffer => {
  const bytes = Buffer.from(body)
  const header = Buffer.alloc(5, type, 'latin1')
  header.writeInt32BE(length ?? bytes.length + 4, 1)
  return Buffer.concat([header, bytes])
}

export const copyData = (payload: Uint8Array | string): Buffer => message('d', payload)
export const copyOutResponse = (): Buffer => message('H', Buffer.from([0, 0, 1, 0, 0]))
export const copyDone = (): Buffer => message('c')
export const commandComplete = (rows: number): Buffer => message('C', `COPY ${rows}\0`)
export const readyForQuery = (): Buffer => message('Z', 'T')

/** A row or another message, in the order in which the server sends them. */
export interface WireItem {
  readonly isRow: boolean
  /** Payload of a row; the whole of another message. */
  readonly bytes: Buffer
}

export const wireOf = (items: readonly WireItem[]): Buffer =>
  Buffer.concat(items.map(({ isRow, bytes }) => (isRow ? copyData(bytes) : bytes)))

export const rowsIn = (items: readonly WireItem[]): Buffer[] =>
  items.filter(({ isRow }) => isRow).map(({ bytes }) => bytes)

/** Where each row ends in the payload of all rows. */
export const rowEnds = (rows: readonly Uint8Array[]): number[] => {
  let end = 0
  return rows.map((row) => {
    end += row.length
    return end
  })
}

/** Bytes that differ from place to place. Among them the letter of a CopyData header is common. */
const filled = (bytes: number, first: number): Buffer => {
  const payload = Buffer.allocUnsafe(bytes)
  for (let at = 0; at < bytes; at += 1) payload[at] = at % 5 === 0 ? 0x64 : first + at * 7
  return payload
}

/** A row of 0 to `largest` bytes; small ones are common, the sizes in `sizes` too. */
export const row = (largest: number, sizes: readonly number[]): fc.Arbitrary<WireItem> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...sizes) },
        { weight: 3, arbitrary: fc.nat(40) },
        { weight: 1, arbitrary: fc.nat(largest) },
      ),
      fc.nat(255),
    )
    .map(([bytes, first]) => ({ isRow: true, bytes: filled(bytes, first) }))

/** A message that a server may send among the rows: a notice, a changed parameter, a notification. */
const aside: fc.Arbitrary<WireItem> = fc
  .tuple(fc.constantFrom('N', 'S', 'A'), fc.nat(60))
  .map(([type, bytes]) => {
    const body = type === 'N' ? `M${'d'.repeat(bytes)}\0\0` : filled(bytes, 1)
    return { isRow: false, bytes: message(type, body) }
  })

/** Up to `most` rows and other messages. */
export const items = (most: number, largest: number, sizes: readonly number[]): fc.Arbitrary<WireItem[]> =>
  fc.array(fc.oneof({ weight: 6, arbitrary: row(largest, sizes) }, { weight: 1, arbitrary: aside }), {
    maxLength: most,
    // by default, fast-check stays near 10
    size: 'max',
  })
