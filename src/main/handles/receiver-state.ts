import type { Completion } from '../../shared/messages/messages.js'

/**
 * `opening → receiving → (faulted → receiving | waiting | dropped) → completing → completed → committing → committed`.
 * `waiting` is for the next pass. The other ends: `rolled-back` (complete, then given up) and `aborted` (given up
 * before). Receivers that have nothing to commit end as `completed`. `in-doubt`: COMMIT was sent, its answer was lost, and
 * its server could not be asked what became of it.
 */
export type ReceiverState =
  | 'opening'
  | 'receiving'
  | 'faulted'
  | 'waiting'
  | 'dropped'
  | 'completing'
  | 'completed'
  | 'committing'
  | 'committed'
  | 'rolled-back'
  | 'aborted'
  | 'in-doubt'

/** What a receiver can become when it is given up. */
export type LetGoState = 'dropped' | 'aborted' | 'rolled-back' | 'waiting'

const ENDS: readonly ReceiverState[] = ['dropped', 'committed', 'rolled-back', 'aborted', 'in-doubt']

/** Whether nothing can be awaited from such a receiver any more, but for `isDone`. */
export const isFinal = (state: ReceiverState): boolean => ENDS.includes(state)

/** Whether all of its data arrived and, where it commits, is committed. */
export const isDone = (state: ReceiverState, completion: Completion | undefined): boolean =>
  state === 'committed' || (state === 'completed' && completion?.commits === false)
