import { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverHandle } from '../handles/receiver-handle.js'
import type { ProducerEnd } from '../producers/producer.js'

/**
 * Compares each receiver's rows with the producer's. Where a producer cannot count, compares with a receiver that has
 * committed, else with the largest count among the receivers. A receiver that breaks its rule is faulted: PostgreSQL
 * accepts a stream cut short or a line `\.` without an error, so nothing is committed before the counts agree.
 */
export const compareRows = (handles: readonly ReceiverHandle[], end: ProducerEnd): void => {
  const counted = handles.filter(
    (handle) => handle.state === 'completed' && handle.completion?.rows !== undefined,
  )
  const rowsOf = (handle: ReceiverHandle): number => handle.completion?.rows as number
  // under atomicity `each` a receiver may have committed before: its count can no longer be found wrong
  const before = handles.find(
    ({ state, completion, receiver }) =>
      state === 'committed' && completion?.rows !== undefined && receiver.rowCount === 'equal',
  )
  const expected = end.rows ?? before?.completion?.rows ?? Math.max(...counted.map(rowsOf))
  for (const handle of counted) {
    const rows = rowsOf(handle)
    const rule = handle.receiver.rowCount
    if (rule === 'any' || rows === expected || (rule === 'at-most' && rows < expected)) continue
    const source = end.rows === undefined ? 'another receiver loaded' : 'the producer sent'
    handle.fail(
      new CopyError(
        'COPY_COUNT_MISMATCH',
        `${rows} rows were loaded but ${source} ${expected}; a trigger, a rule, COPY … WHERE or a line \\. may have dropped some (see rowCount)`,
        { phase: 'complete' },
      ),
    )
  }
}
