import { CopyError } from '../../shared/errors/errors.js'
import type { Producer } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'

/**
 * Sees to it that a further pass can feed a receiver.
 * @throws CopyError COPY_STATE when the producer can run only once, or the receiver cannot begin again
 */
export const requireFurtherPass = (producer: Producer, receiver: Receiver): void => {
  if (!receiver.canRestart) {
    throw new CopyError('COPY_STATE', "a user's client cannot begin again: its transaction is the user's own")
  }
  if (producer.canRepeat) return
  const how = 'give a function that returns what can be iterated, or a COPY statement'
  throw new CopyError('COPY_STATE', `${producer.name} can run only once, so a further pass cannot be: ${how}`)
}
