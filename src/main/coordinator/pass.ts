import { asCopyError, CopyError, ProducerFault } from '../../shared/errors/errors.js'
import type { ProgressMark, ProgressMonitor } from '../../shared/liveness/progress-monitor.js'
import { STREAM_STATE } from '../../shared/ring/cells.js'
import type { Producer, ProducerEnd } from '../producers/producer.js'
import { ProducerStream } from '../producers/producer-stream.js'
import type { RingParts } from '../ring/make-ring.js'
import type { Moved } from '../ring/slice-totals.js'

/** One run of the producer through the ring. */
export class Pass {
  readonly number: number
  /** Sequence of its first slice. */
  readonly firstSequence: number
  readonly #parts: RingParts
  readonly #stream: ProducerStream
  readonly #producer: Producer
  readonly #monitor: ProgressMonitor
  readonly #changed: () => void
  /** What the first pass moved: every further pass must move as much. */
  readonly #first: Moved | undefined
  #producing: Promise<void> = Promise.resolve()
  #isStarted = false
  #end: ProducerEnd | undefined
  #fault: ProducerFault | undefined

  /**
   * @param changed called when the source has accepted, and when the producer has stopped
   * @param first what the first pass moved; undefined in the first
   */
  constructor(
    number: number,
    producer: Producer,
    parts: RingParts,
    monitor: ProgressMonitor,
    changed: () => void,
    first?: Moved,
  ) {
    this.number = number
    this.#monitor = monitor
    this.#first = first
    this.#parts = parts
    this.firstSequence = parts.writer.sequence
    this.#stream = new ProducerStream(parts, number, () => {
      this.#isStarted = true
      changed()
    })
    // before any receiver begins the pass: it must not take the end of the last pass for the end of this one
    parts.writer.setState(STREAM_STATE.open)
    this.#changed = changed
    this.#producer = producer
  }

  /** Starts the producer. The receivers of the pass gate the ring already. */
  run(): void {
    this.#producing = this.#produce().finally(this.#changed)
  }

  /** Whether the source has accepted the copy: rows may come. */
  get isStarted(): boolean {
    return this.#isStarted
  }

  /** The producer's own report of its end: all rows are published then. Undefined before, and after a fault. */
  get end(): ProducerEnd | undefined {
    return this.#end
  }

  get fault(): ProducerFault | undefined {
    return this.#fault
  }

  /** Aborts the pass: receivers learn that nothing more will come. Settles when the producer has stopped. */
  async abort(deadlineMs: number): Promise<void> {
    this.#stream.stop()
    this.#monitor.stop()
    this.#parts.writer.setState(STREAM_STATE.aborted)
    this.#parts.gate.wake()
    try {
      await this.#producer.abort?.(deadlineMs)
    } finally {
      await this.#producing
    }
  }

  /** Under one snapshot each run gives the same rows. If not, the receivers of this pass would differ from the others. */
  #compare(): void {
    const { messages, bytes } = this.#parts.writer.totals
    if (this.#first === undefined || (this.#first.messages === messages && this.#first.bytes === bytes))
      return
    throw new CopyError(
      'COPY_COUNT_MISMATCH',
      `pass ${this.number} gave ${messages} messages of ${bytes} bytes, the first ${this.#first.messages} of ${this.#first.bytes}`,
      { phase: 'complete' },
    )
  }

  /** Where the producer is. No progress is due from it while the ring has no room: it waits for receivers. */
  #progress(): ProgressMark | undefined {
    const { writer, gate } = this.#parts
    if (!this.#isStarted) return { phase: this.#producer.phase ?? 'start' }
    if (!gate.isFree(writer.sequence + 1)) return undefined
    return { phase: 'copy', mark: `${writer.sequence} ${writer.slot.out}` }
  }

  async #produce(): Promise<void> {
    try {
      const end = await this.#monitor.during(() => this.#progress(), this.#producer.produce(this.#stream))
      await this.#stream.flush()
      if (this.#stream.isStopped) return
      this.#compare()
      this.#end = end
      this.#parts.writer.setState(STREAM_STATE.ended)
    } catch (error) {
      this.#fault = new ProducerFault(asCopyError(error, 'copy'))
    } finally {
      this.#parts.writer.stopFlush()
    }
  }
}
