import assert from 'node:assert/strict'
import { CopyOutIntake } from '../../src/main/producers/statement/copy-out-intake.js'
import { WasmDeframer } from '../../src/main/ring/deframer.js'
import { makeRing, type RingParts } from '../../src/main/ring/make-ring.js'
import { STREAM_STATE } from '../../src/shared/ring/cells.js'
import { entryOf, HEADER_BYTES, type RingShape, slotAt } from '../../src/shared/ring/layout.js'
import { SliceTaker } from './ring-taker.js'

const never = (): boolean => false

/** A source's socket, the intake, the ring and one receiver, all in one thread. */
export class RingCopy {
  readonly parts: RingParts
  readonly intake: CopyOutIntake
  readonly taker: SliceTaker
  /** The bytes that passed through to pg's parser. */
  readonly pg: Buffer[] = []
  readonly #shape: RingShape
  /** The memory of the read under way. */
  #view: Uint8Array

  constructor(shape: RingShape, firstSequence = 0) {
    this.#shape = shape
    // the caller's loop takes at once: here only the receiver holds the writer back
    this.parts = makeRing(shape, () => this.parts.gate.take(this.parts.writer.sequence), firstSequence)
    const { ring } = this.parts
    this.intake = new CopyOutIntake(ring, new WasmDeframer(ring.memory))
    this.intake.passThrough = (bytes) => {
      assert.notEqual(bytes.buffer, ring.buffer, 'pg must get a private copy')
      this.pg.push(bytes)
    }
    this.taker = new SliceTaker(this.parts)
    this.#view = this.intake.memory()
    this.parts.writer.setState(STREAM_STATE.open)
    this.intake.expect(this.parts.writer)
  }

  /**
   * One read as Node does it: into the memory that the intake gave when the last callback returned, however long ago. The
   * memory of the next read is taken at once, also after false.
   */
  read(bytes: Uint8Array): { taken: number; more: boolean } {
    this.checkView()
    const view = this.#view
    const taken = Math.min(view.length, bytes.length)
    view.set(bytes.subarray(0, taken))
    const more = this.intake.landed(view, taken)
    this.#view = this.intake.memory()
    this.checkView()
    return { taken, more }
  }

  /** As many reads as the bytes need; the ring must have room for them. */
  land(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const { taken, more } = this.read(bytes.subarray(at))
      assert.ok(more, 'no room in the ring')
      at += taken
    }
  }

  /** Any bytes; the receiver makes room when the ring is full. */
  async feed(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { taken, more } = this.read(bytes.subarray(at))
      at += taken
      if (!more) await this.room()
    }
  }

  /** The ring is full and the source is paused, until the receiver has made room. */
  async room(): Promise<void> {
    for (;;) {
      const resumed = this.intake.resume(never)
      this.taker.all()
      if (await resumed) return
    }
  }

  /** The source has ended: the rest is published and taken. */
  async end(): Promise<void> {
    const drained = this.parts.writer.drain(never)
    this.taker.all()
    await drained
    const { slot } = this.parts.writer
    assert.equal(slot.out, slot.mark, 'an unfinished row is left')
    this.parts.writer.setState(STREAM_STATE.ended)
    this.taker.all()
  }

  /** The memory of a read is never that of a slice that the receiver may still read. */
  checkView(): void {
    const { ring, writer } = this.parts
    assert.ok(this.#view.length > 0, 'an empty view was handed out')
    if (this.#view.buffer !== ring.buffer) return
    const from = this.#view.byteOffset
    const to = from + this.#view.length
    for (let sequence = this.taker.reader.released; sequence < writer.sequence; sequence += 1) {
      const entry = entryOf(this.#shape, sequence)
      const at = slotAt(this.#shape, ring.cells.slot(entry))
      const end = at + HEADER_BYTES + ring.cells.bytes(entry)
      assert.ok(
        to <= at || from >= end,
        `a read goes to [${from}, ${to}), slice ${sequence} is in [${at}, ${end})`,
      )
    }
  }
}
