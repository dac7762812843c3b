import type { CopyError } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import type { Commit } from '../commit/commit.js'

/**
 * `opening → receiving → (faulted → receiving | waiting | dropped) → completing → completed → committing → committed`.
 *
 * - `waiting`: for the next pass.
 * - `completed`: all data is in; the last state of receivers that have nothing to commit.
 * - `dropped`: the copy went on without it after a fault.
 * - `aborted`, `rolled-back`: the copy was aborted before, or after, its data was complete.
 * - `in-doubt`: COMMIT was sent, its answer was lost, and no server could report the result.
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

/** A receiver's state, with what is known in that state only. */
export type HandleState =
  | { readonly name: 'opening' | 'receiving' | 'completing' | 'waiting' }
  /** `finished`: complete, with nothing to commit. */
  | { readonly name: 'completed' | 'finished' | 'committed'; readonly completion: Completion }
  | { readonly name: 'committing'; readonly completion: Completion; readonly commit: Commit }
  | {
      readonly name: 'faulted'
      readonly fault: CopyError
      /** Whether the runner waits where it stands and can go on from its read cursor. */
      readonly isResumable: boolean
      /** Where the fault came after the data was complete. */
      readonly completion: Completion | undefined
    }
  /** `unresolved`: in doubt, and its fault still to be reported, so callers see it as `faulted`. */
  | { readonly name: 'unresolved'; readonly fault: CopyError; readonly completion: Completion }
  | { readonly name: 'in-doubt'; readonly fault: CopyError; readonly completion: Completion }
  | {
      readonly name: EndState
      readonly fault: CopyError | undefined
      readonly completion: Completion | undefined
    }

export type StateName = HandleState['name']

/** The ends in which none of the receiver's data is loaded. */
export type EndState = 'dropped' | 'aborted' | 'rolled-back'

/** What a state means, whatever else is known of the receiver. */
export interface StateFacts {
  /** The state that callers see. */
  readonly shown: ReceiverState
  /** The states that may follow. */
  readonly next: readonly StateName[]
  /** Whether the copy awaits nothing more from this receiver. */
  readonly isFinal: boolean
  /** Whether all of its data arrived and no fault came since. It may still have to commit. */
  readonly isLoaded: boolean
  /** Whether all of its data arrived and, where it commits, is committed. */
  readonly isDone: boolean
  /** Whether its COMMIT may have been done or not. */
  readonly isInDoubt: boolean
  /** Whether a fault that its runner reports changes nothing. */
  readonly ignoresFaults: boolean
}

const UNDER_WAY = { isFinal: false, isLoaded: false, isDone: false, isInDoubt: false, ignoresFaults: false }
const LOADED = { ...UNDER_WAY, isLoaded: true }
const DONE = { ...LOADED, isFinal: true, isDone: true, ignoresFaults: true }
const ENDED = { ...UNDER_WAY, isFinal: true, ignoresFaults: true }

/** The one table of states. A transition that it does not list is a programming error. */
export const STATES: Readonly<Record<StateName, StateFacts>> = {
  // it is opening from the start, and again when its runner begins; one that joins late waits for the next pass
  opening: {
    ...UNDER_WAY,
    shown: 'opening',
    next: ['opening', 'waiting', 'receiving', 'completing', 'faulted', 'aborted'],
  },
  receiving: {
    ...UNDER_WAY,
    shown: 'receiving',
    next: ['completing', 'completed', 'finished', 'faulted', 'aborted'],
  },
  completing: {
    ...UNDER_WAY,
    shown: 'completing',
    next: ['completed', 'finished', 'faulted', 'aborted'],
  },
  // aborted: the runner completed while the command to abort was on its way
  completed: {
    ...LOADED,
    shown: 'completed',
    next: ['committing', 'faulted', 'rolled-back', 'aborted'],
  },
  // faulted: its count of rows was wrong
  finished: { ...DONE, shown: 'completed', next: ['faulted', 'aborted'] },
  committing: { ...LOADED, shown: 'committing', next: ['committed', 'faulted', 'unresolved'] },
  committed: { ...DONE, shown: 'committed', next: [] },
  // faulted again: a stalled connection that is lost before the caller has decided
  faulted: {
    ...UNDER_WAY,
    shown: 'faulted',
    next: ['faulted', 'receiving', 'completing', 'waiting', 'dropped', 'aborted', 'rolled-back'],
  },
  // a later failure must not hide from the caller that the COMMIT is in doubt
  unresolved: { ...UNDER_WAY, isInDoubt: true, ignoresFaults: true, shown: 'faulted', next: ['in-doubt'] },
  'in-doubt': { ...ENDED, isInDoubt: true, shown: 'in-doubt', next: [] },
  // what it began in the last pass is void, and so are its faults; a receiver that cannot be placed faults here, and one
  // whose thread does not end is dropped
  waiting: {
    ...UNDER_WAY,
    shown: 'waiting',
    ignoresFaults: true,
    next: ['opening', 'faulted', 'dropped', 'aborted'],
  },
  // the copy was aborted while the receiver was being dropped
  dropped: { ...ENDED, shown: 'dropped', next: ['aborted', 'rolled-back'] },
  aborted: { ...ENDED, shown: 'aborted', next: [] },
  'rolled-back': { ...ENDED, shown: 'rolled-back', next: [] },
}

export const mayBecome = (from: StateName, to: StateName): boolean => STATES[from].next.includes(to)

/** @throws RangeError naming both states when the table has no such transition: a programming error */
export const requireTransition = (receiver: string, from: StateName, to: StateName): void => {
  if (!mayBecome(from, to)) throw new RangeError(`${receiver} cannot go from ${from} to ${to}`)
}
