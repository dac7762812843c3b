import type { ReceiverState } from '../../index.js'

/** What the exit status tells. */
export const EXIT = {
  all: 0,
  none: 1,
  usage: 2,
  some: 3,
  inDoubt: 4,
  interrupted: 130,
  terminated: 143,
} as const

/** Whether a target has everything: files have nothing to commit and end as `completed`. */
export const isLoaded = ({ state }: { readonly state: ReceiverState }): boolean =>
  state === 'committed' || state === 'completed'

/**
 * The exit status of a copy, whatever it came to. Where several apply: 4, 130 or 143, 3, 1.
 * @param interrupted the status of the signal that ended the copy, if one did
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
