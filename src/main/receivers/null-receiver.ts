import { type Placement, Receiver } from './receiver.js'

/** Discards everything, in a worker thread: for tests, and to measure what the rest costs. */
export class NullReceiver extends Receiver {
  async place(): Promise<Placement> {
    return { thread: 'worker', plan: { kind: 'null' } }
  }
}
