import { type Placement, Receiver } from './receiver.js'

/** Discards all rows, in a worker thread: for tests, and to measure the cost of the engine alone. */
export class NullReceiver extends Receiver {
  async place(): Promise<Placement> {
    return { thread: 'worker', plan: { kind: 'null' } }
  }
}
