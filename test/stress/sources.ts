import { setImmediate, setTimeout } from 'node:timers/promises'
import type { ProducerStream } from '../../src/main/producers/producer-stream.js'
import { CopyOutIntake } from '../../src/main/producers/statement/copy-out-intake.js'
import { WasmDeframer } from '../../src/main/ring/deframer.js'
import { notice } from '../support/backend-messages.js'
import { copyData, copyDone, copyOutResponse, readyForQuery } from '../support/wire.js'
import type { RowStream } from './row-stream.js'

/** A source that delivers rows until `slices` are published or the stream is stopped. */
export type Source = (orders: SourceOrders) => Promise<{ rows: number }>

interface SourceOrders {
  readonly stream: ProducerStream
  readonly rows: RowStream
  readonly random: () => number
  readonly slices: number
}

/** Mostly no pause; now and then a turn of the loop, or a silence after which rows must be published. */
const pause = async (random: () => number): Promise<void> => {
  const kind = random()
  if (kind < 0.001) await setTimeout(7)
  else if (kind < 0.1) await setImmediate()
}

/** Rows by ProducerStream, as an iterable delivers them. */
export const byRows: Source = async ({ stream, rows, random, slices }) => {
  const { writer } = stream
  const end = writer.sequence + slices
  let row = 0
  while (writer.sequence < end && !stream.isStopped) {
    const list = Array.from({ length: 1 + Math.floor(random() * 12) }, (_, at) => rows.row(row + at))
    row += list.length
    await stream.rows(list)
    await pause(random)
  }
  await stream.flush()
  return { rows: row }
}

/** A server's COPY OUT stream by CopyOutIntake: reads into the ring of any size, other messages in between. */
export const byReads: Source = async ({ stream, rows, random, slices }) => {
  const { writer } = stream
  const end = writer.sequence + slices
  const isStopped = (): boolean => stream.isStopped
  const intake = new CopyOutIntake(stream.ring, new WasmDeframer(stream.ring.memory))
  let view = intake.memory()
  intake.expect(writer)
  const deliver = async (wire: Buffer): Promise<void> => {
    for (let at = 0; at < wire.length && !stream.isStopped; ) {
      const most = random() < 0.3 ? 1 + Math.floor(random() * 40) : wire.length
      const taken = Math.min(most, view.length, wire.length - at)
      view.set(wire.subarray(at, at + taken))
      at += taken
      const more = intake.landed(view, taken)
      // as in the socket's callback: the wait for room begins inside the callback, and may find room at once
      let resumed = more || intake.resume(isStopped)
      // taken when the callback returns, and filled however late: also after a pause
      view = intake.memory()
      while (!(await resumed) && !stream.isStopped) resumed = intake.resume(isStopped)
      await pause(random)
    }
  }
  await deliver(copyOutResponse())
  let row = 0
  while (writer.sequence < end && !stream.isStopped) {
    const parts: Buffer[] = []
    for (let count = 1 + Math.floor(random() * 12); count > 0; count -= 1) {
      parts.push(copyData(rows.row(row)))
      row += 1
      if (random() < 0.05) parts.push(notice('d'.repeat(Math.floor(random() * 60))))
    }
    await deliver(Buffer.concat(parts))
  }
  await deliver(Buffer.concat([copyDone(), readyForQuery()]))
  await stream.flush()
  return { rows: row }
}
