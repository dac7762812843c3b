import type { Producer, ProducerEnd } from './producer.js'
import type { ProducerStream } from './producer-stream.js'

/** Produces nothing: for tests, and to measure what starting and ending costs. */
export class NullProducer implements Producer {
  readonly name = 'null'
  readonly canRepeat = true
  totalMessages = 0
  totalBytes = 0
  count: number | undefined
  command: string | undefined

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    stream.started()
    return { rows: 0 }
  }
}
