import { CopyError } from '../../shared/errors/errors.js'

const inUse = new WeakSet<object>()

/**
 * @param what names it, for the error text
 * @throws CopyError COPY_STATE when a copy uses it already
 */
export const requireUnused = (object: object, what: string): void => {
  if (!inUse.has(object)) return
  throw new CopyError('COPY_STATE', `${what} is in use by a copy already`, { phase: 'start' })
}

/**
 * Marks a client or stream of the caller as used by one copy, until `endUse`.
 * @param what names it, for the error text
 * @throws CopyError COPY_STATE when a copy uses it already
 */
export const beginUse = (object: object, what: string): void => {
  requireUnused(object, what)
  inUse.add(object)
}

export const endUse = (object: object): void => {
  inUse.delete(object)
}
