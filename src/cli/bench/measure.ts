import { type CopyFrom, type CopyTo, copy, IteratorProducer, NullReceiver } from '../../index.js'
import { serverName } from '../request/target-url.js'
import type { BenchRequest } from './bench-request.js'

/** Rows are handed over in lists of about so many bytes. */
const LIST_BYTES = 64 * 1024

/** What one measurement came to. */
interface Measured {
  readonly seconds: number
  /** Payload that was read. */
  readonly moved: number
}

/**
 * Moves the rows to so many receivers, once. Nothing of it stays anywhere.
 * @throws CopyFailed, CopyAborted; CopyError COPY_OPTION for connections that cannot work
 */
export const measure = async (
  request: BenchRequest,
  receivers: number,
  signal: AbortSignal,
): Promise<Measured> => {
  const to: CopyTo[] =
    request.to.length > 0
      ? request.to.slice(0, receivers).map(intoTemporaryTable)
      : Array.from({ length: receivers }, () => new NullReceiver())
  const { seconds, bytes } = await copy({ from: sourceOf(request), to, signal })
  return { seconds, moved: bytes }
}

/** One column of text, and the newline that COPY adds. */
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
