import type { Producer, ProducerEnd } from './producer.js'
import type { ProducerStream } from './producer-stream.js'
import { ProducerTotals } from './producer-totals.js'

/** Produces no rows: for tests, and to measure the cost of starting and ending a copy. */
export class NullProducer extends ProducerTotals implements Producer {
  readonly name = 'null'
  readonly canRepeat = true

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    stream.started()
    return { rows: 0 }
  }
}
