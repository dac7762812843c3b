import type { CopyPhase } from '../../shared/errors/codes.js'
import { asCopyError, CopyError } from '../../shared/errors/errors.js'
import { isInDoubt } from '../commit/commit.js'
import type { ReceiverState } from './receiver-state.js'

interface Faulted {
  readonly name: string
  readonly state: ReceiverState
  readonly fault: CopyError | undefined
}

/** What happened to a receiver, as an error that names it. @param phase where the cause does not say */
export const faultOf = (receiver: string, cause: unknown, phase: CopyPhase): CopyError =>
  asCopyError(cause, phase).with({ receiver })

const refuse = (receiver: string, message: string): never => {
  throw new CopyError('COPY_STATE', message, { receiver })
}

/** @throws CopyError COPY_STATE when there is nothing to reconcile */
export const requireFaulted = ({ name, state }: Faulted): void => {
  if (state !== 'faulted') refuse(name, `${name} has no fault to reconcile: it is ${state}`)
}

/** @throws CopyError COPY_STATE when the life cannot go on where it stood */
export const requireResumable = ({ name, fault }: Faulted, isResumable: boolean): void => {
  if (isResumable) return
  const why = `${name} cannot go on from where it stood, since ${fault?.message}`
  refuse(name, `${why}; reconcile it with { from: 'start' }`)
}

/** @throws CopyError COPY_STATE when it may be committed already: it would be loaded twice */
export const requireDecided = ({ name, fault }: Faulted): void => {
  if (isInDoubt(fault)) refuse(name, `${name} may have committed already: ${fault?.message}`)
}

/** @throws CopyError COPY_STATE when it was dropped, since its thread could not be ended: a call in it blocks */
export const requireLetGo = ({ name, state }: Faulted): void => {
  if (state === 'dropped') refuse(name, `${name} was dropped: its thread does not end`)
}
