import { asCopyError, ProducerFault } from '../shared/errors.js'
import { STREAM_STATE } from '../shared/ring-cells.js'
import type { Producer, ProducerEnd } from './producer.js'
import { ProducerStream } from './producer-stream.js'
import type { RingParts } from './ring-parts.js'

/** One run of the producer through the ring. */
export class Pass {
  readonly number: number
  /** Sequence of its first slice. */
  readonly firstSequence: number
  readonly #parts: RingParts
  readonly #stream: ProducerStream
  readonly #producing: Promise<void>
  #isStarted = false
  #end: ProducerEnd | undefined
  #fault: ProducerFault | undefined

  constructor(number: number, producer: Producer, parts: RingParts, changed: () => void) {
    this.number = number
    this.#parts = parts
    this.firstSequence = parts.writer.sequence
    this.#stream = new ProducerStream(parts, number, () => {
      this.#isStarted = true
      changed()
    })
    parts.writer.setState(STREAM_STATE.open)
    this.#producing = this.#produce(producer).finally(changed)
  }

  /** Whether the source has accepted: rows may come. */
  get isStarted(): boolean {
    return this.#isStarted
  }

  /** What the producer said at its end: everything is published then. Undefined before, or after a fault. */
  get end(): ProducerEnd | undefined {
    return this.#end
  }

  get fault(): ProducerFault | undefined {
    return this.#fault
  }

  /** Gives the pass up: receivers are told that nothing more will come. Settles when the producer has stopped. */
  async stop(producer: Producer, deadlineMs: number): Promise<void> {
    this.#stream.stop()
    this.#parts.writer.setState(STREAM_STATE.aborted)
    this.#parts.gate.wake()
    await producer.abort?.(deadlineMs)
    await this.#producing
  }

  async #produce(producer: Producer): Promise<void> {
    try {
      const end = await producer.produce(this.#stream)
      await this.#stream.flush()
      if (this.#stream.isStopped) return
      this.#end = end
      this.#parts.writer.setState(STREAM_STATE.ended)
    } catch (error) {
      this.#fault = new ProducerFault(asCopyError(error, 'copy'))
    } finally {
      this.#parts.writer.stopFlush()
    }
  }
}
