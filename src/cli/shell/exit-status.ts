import type { ReceiverState } from '../../index.js'

/** The exit statuses. */
export const EXIT = {
  all: 0,
  none: 1,
  usage: 2,
  some: 3,
  inDoubt: 4,
  interrupted: 130,
  terminated: 143,
} as const

/** Whether a target has all rows. Files have nothing to commit: their last state is `completed`. */
export const isLoaded = ({ state }: { readonly state: ReceiverState }): boolean =>
  state === 'committed' || state === 'completed'

/**
 * The exit status of a copy, by the states of its targets. If several statuses apply, the first of 4, 130 or 143, 3, 1.
 * @param interrupted the status for the signal that ended the copy; undefined if none did
 */
export const exitStatus = (
  outcomes: readonly { readonly state: ReceiverState }[],
  interrupted?: number,
): number => {
  if (outcomes.some(({ state }) => state === 'in-doubt')) return EXIT.inDoubt
  if (interrupted !== undefined) return interrupted
  const loaded = outcomes.filter(isLoaded).length
  if (loaded === 0) return EXIT.none
  return loaded === outcomes.length ? EXIT.all : EXIT.some
}
