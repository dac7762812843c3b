import { CopyError } from '../../shared/errors/errors.js'

/** Where a copy is: `new → opening → open → done`, or `over` when it was given up. */
export type CopyState = 'new' | 'opening' | 'open' | 'done' | 'over'

const WORDS = { new: 'not open yet', opening: 'being opened', open: 'open', done: 'over', over: 'over' }

const refuse = (what: string, why: string): never => {
  throw new CopyError('COPY_STATE', `${what}(): ${why}`)
}

/** @throws CopyError COPY_STATE when the copy has been begun, by whichever call */
export const requireNew = (phase: CopyState, what: string): void => {
  if (phase !== 'new') refuse(what, `the copy is ${WORDS[phase]} already`)
}

/** @throws CopyError COPY_STATE unless the copy is under way */
export const requireOpen = (phase: CopyState, what: string): void => {
  if (phase === 'opening') refuse(what, 'open() is under way, await it first')
  if (phase !== 'open') refuse(what, `the copy is ${WORDS[phase]}, not under way`)
}
