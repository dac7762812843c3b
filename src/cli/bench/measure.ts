import { type CopyFrom, type CopyTo, copy, IteratorProducer, NullReceiver } from '../../index.js'
import { serverName } from '../request/target-url.js'
import type { BenchRequest } from './bench-request.js'

/** Approximate bytes of each list of rows that the source yields. */
const LIST_BYTES = 64 * 1024

/** The result of one measurement. */
interface Measurement {
  readonly seconds: number
  /** Bytes of rows, read once. */
  readonly moved: number
}

/**
 * Copies the rows to this number of receivers, once. Leaves nothing on any server.
 * @throws CopyFailed, CopyAborted; CopyError COPY_OPTION for connections that cannot work
 */
export const measure = async (
  request: BenchRequest,
  receivers: number,
  signal: AbortSignal,
): Promise<Measurement> => {
  const to: CopyTo[] =
    request.to.length > 0
      ? request.to.slice(0, receivers).map(intoTemporaryTable)
      : Array.from({ length: receivers }, () => new NullReceiver())
  const { seconds, bytes } = await copy({ from: sourceOf(request), to, signal })
  return { seconds, moved: bytes }
}

/** Rows of one text column. `rowBytes` includes the newline that COPY adds. */
const sourceOf = ({ from, rows, rowBytes }: BenchRequest): CopyFrom => {
  if (from === undefined) return new IteratorProducer(rowsInMemory(rows, rowBytes))
  const query = `SELECT repeat('x', ${rowBytes - 1}) FROM (SELECT generate_series(1, ${rows})) AS rows`
  return { connection: from, statement: `COPY (${query}) TO STDOUT` }
}

const rowsInMemory = function* (rows: number, rowBytes: number): Generator<Uint8Array[]> {
  const row = Buffer.from(`${'x'.repeat(rowBytes - 1)}\n`)
  const list = Math.max(1, Math.floor(LIST_BYTES / rowBytes))
  const full = new Array<Uint8Array>(list).fill(row)
  for (let left = rows; left > 0; left -= list) yield left >= list ? full : full.slice(0, left)
}

const intoTemporaryTable = (connection: string, i: number): CopyTo => ({
  connection,
  name: serverName(connection) ?? `target ${i + 1}`,
  before: ['CREATE TEMPORARY TABLE copyman_bench (line text) ON COMMIT DROP'],
  statement: 'COPY copyman_bench FROM STDIN',
})
