import { CopyError } from '../../shared/errors/errors.js'

/** Where a copy is: `new → opening → open → done`, or `over` when it was closed before its end. */
export type CopyState = 'new' | 'opening' | 'open' | 'done' | 'over'

const WORDS = { new: 'not open yet', opening: 'being opened', open: 'open', done: 'over', over: 'over' }

const refuse = (what: string, why: string): never => {
  throw new CopyError('COPY_STATE', `${what}(): ${why}`)
}

/** @throws CopyError COPY_STATE when a call has opened the copy, or closed it */
export const requireNew = (state: CopyState, what: string): void => {
  if (state !== 'new') refuse(what, `the copy is ${WORDS[state]} already`)
}

/** @throws CopyError COPY_STATE unless the copy is under way */
export const requireOpen = (state: CopyState, what: string): void => {
  if (state === 'opening') refuse(what, 'open() is under way, await it first')
  if (state !== 'open') refuse(what, `the copy is ${WORDS[state]}, not under way`)
}
