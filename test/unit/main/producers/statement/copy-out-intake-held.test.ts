import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CopyOutIntake } from '../../../../../src/main/producers/statement/copy-out-intake.js'
import { WasmDeframer } from '../../../../../src/main/ring/deframer.js'
import { makeRing } from '../../../../../src/main/ring/make-ring.js'
import { HEADER_BYTES } from '../../../../../src/shared/ring/layout.js'
import { RingReader } from '../../../../../src/shared/ring/reader.js'
import { copyData, copyOutResponse } from '../../../../support/wire.js'

test('memory for the next read lies apart from where held bytes are going, when room is found inside the callback', async () => {
  const parts = makeRing({ slots: 2, slotBytes: 64 }, () => parts.gate.take(parts.writer.sequence))
  const ticket = parts.ring.ticket()
  parts.gate.add(ticket.receiver, 0)
  const reader = new RingReader(ticket, 0)
  const intake = new CopyOutIntake(parts.ring, new WasmDeframer(parts.ring.memory))
  intake.expect(parts.writer)
  const rows = Array.from({ length: 20 }, (_, i) => Buffer.from(`row ${String(i).padStart(15, '0')}\n`))
  intake.chunk(copyOutResponse())

  const taken: Buffer[] = []
  const take = (): void => {
    for (let slice = reader.next(); slice !== undefined; slice = reader.next()) {
      taken.push(Buffer.from(slice.frame.subarray(HEADER_BYTES)))
      reader.release()
    }
  }
  // the ring is filled, and what comes on top of it is held in memory aside
  const wire = Buffer.concat(rows.map(copyData))
  let at = 0
  for (let more = true; more; ) {
    const view = intake.memory()
    const bytes = Math.min(view.length, wire.length - at)
    view.set(wire.subarray(at, at + bytes))
    at += bytes
    more = intake.landed(view, bytes)
  }
  // the read that was bound meanwhile: more than the ring has room for, so some of it is held
  const aside = intake.memory()
  aside.set(wire.subarray(at))
  assert.equal(intake.landed(aside, wire.length - at), false)
  take()
  // still inside the socket's callback: the wait for room begins and finds some at once; then Node asks for memory,
  // and its next read, after the pause, goes there
  let resumed = intake.resume(() => false)
  const bound = intake.memory()
  for (take(); !(await resumed); take()) resumed = intake.resume(() => false)
  bound.fill('#'.charCodeAt(0))
  const drained = parts.writer.drain(() => false)
  take()
  await drained
  take()
  assert.equal(Buffer.concat(taken).toString(), Buffer.concat(rows).toString())
})
