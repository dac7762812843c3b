import { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverHandle } from '../handles/receiver-handle.js'
import type { ProducerEnd } from '../producers/producer.js'

/**
 * Compares each receiver's rows with the producer's, or, where a producer cannot count, with those of a receiver that
 * has committed, else with the largest count among the receivers. A receiver that breaks its rule is faulted: PostgreSQL
 * accepts a stream cut short or a line `\.` without an error, so nothing is committed before the counts agree.
 */
export const compareRows = (handles: readonly ReceiverHandle[], end: ProducerEnd): void => {
  const counted = handles.filter(
    (handle) => handle.state === 'completed' && handle.completion?.rows !== undefined,
  )
  const rowsOf = (handle: ReceiverHandle): number => handle.completion?.rows as number
  // under atomicity `each` somebody may have committed before: what he has can no longer be found wrong
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

/**
 * Commits receivers that are complete. `one-by-one` stops at the first that fails, so that as little as possible is
 * committed then; `together` does not wait.
 */
export const commitAll = async (
  handles: readonly ReceiverHandle[],
  how: 'one-by-one' | 'together',
  isStopped: () => boolean,
): Promise<void> => {
  const ready = handles.filter(
    (handle) => handle.state === 'completed' && handle.completion?.commits === true,
  )
  if (how === 'together') {
    await Promise.all(ready.map((handle) => handle.commit()))
    return
  }
  for (const handle of ready) {
    // another may have failed while the last one committed: its fault comes first, and nobody would answer its COMMIT
    if (isStopped() || ready.some(({ state }) => state === 'faulted')) return
    await handle.commit()
    if (handle.state !== 'committed') return
  }
}
