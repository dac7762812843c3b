import type { CopyPhase } from '../../shared/errors/codes.js'
import { asCopyError, CopyError } from '../../shared/errors/errors.js'
import { type HandleState, STATES } from './receiver-state.js'

/** What happened to a receiver, as an error that names it. @param phase where the cause does not say */
export const faultOf = (receiver: string, cause: unknown, phase: CopyPhase): CopyError =>
  asCopyError(cause, phase).with({ receiver })

const refuse = (receiver: string, message: string): never => {
  throw new CopyError('COPY_STATE', message, { receiver })
}

type Faulted = Extract<HandleState, { name: 'faulted' | 'unresolved' }>

/** @throws CopyError COPY_STATE when there is nothing to reconcile */
const requireFaulted = (name: string, state: HandleState): Faulted =>
  state.name === 'faulted' || state.name === 'unresolved'
    ? state
    : refuse(name, `${name} has no fault to reconcile: it is ${STATES[state.name].shown}`)

/**
 * @param isActive whether its runner takes part in a pass, and was not ordered to abort
 * @throws CopyError COPY_STATE without a fault, or when its runner cannot go on from where it stood
 */
export const requireResumable = (name: string, state: HandleState, isActive: boolean): void => {
  const faulted = requireFaulted(name, state)
  if (faulted.name === 'faulted' && faulted.isResumable && isActive) return
  const why = `${name} cannot go on from where it stood, since ${faulted.fault.message}`
  refuse(name, `${why}; reconcile it with { from: 'start' }`)
}

/** @throws CopyError COPY_STATE without a fault, or with a COMMIT in doubt: it might be loaded twice */
export const requireRestartable = (name: string, state: HandleState): void => {
  const { name: is, fault } = requireFaulted(name, state)
  if (is === 'unresolved') refuse(name, `${name} may have committed already: ${fault.message}`)
}

/** @throws CopyError COPY_STATE when its thread could not be ended: a call in it blocks */
export const requireReleased = (name: string, isReleased: boolean): void => {
  if (!isReleased) refuse(name, `${name} was dropped: its thread does not end`)
}
