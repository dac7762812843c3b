// A worker thread that is one receiver: it takes slices, keeps several in flight, and checks every byte of each when it
// is taken and again just before it is released.
import { setImmediate, setTimeout } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { STREAM_STATE } from '../../src/shared/ring/cells.js'
import { RingReader, type RingTicket } from '../../src/shared/ring/reader.js'
import type { RingSlice } from '../../src/shared/ring/slice-reader.js'
import { randomFrom } from '../support/seed.js'
import { RowStream } from './row-stream.js'
import { checkSlice, type Place } from './slice-check.js'

export interface ReaderOrders {
  readonly ticket: RingTicket
  readonly start: number
  readonly seed: number
  /** Slices that may be in flight at once. */
  readonly maxInFlight: number
}

/** What a reader saw until the stream ended. */
export interface ReaderReport {
  readonly slices: number
  readonly rows: number
  readonly bytes: number
  readonly released: number
}

const WAIT_BOUND_MS = 1000

const read = async ({ ticket, start, seed, maxInFlight }: ReaderOrders): Promise<ReaderReport> => {
  const { slotBytes } = ticket.shape
  const reader = new RingReader(ticket, start)
  const rows = new RowStream(seed, slotBytes)
  const random = randomFrom(seed + 1 + ticket.receiver)
  const inFlight: { slice: RingSlice; place: Place }[] = []
  let place: Place = { row: 0, offset: 0 }
  let slices = 0
  let bytes = 0

  const release = (): void => {
    const { slice, place } = inFlight.shift() as { slice: RingSlice; place: Place }
    checkSlice(rows, slice, place, slotBytes)
    reader.release()
  }

  for (;;) {
    const bell = reader.bell()
    const state = reader.state()
    const slice = reader.next()
    if (slice !== undefined) {
      if (slice.sequence !== start + slices) throw new Error(`slice ${slice.sequence} after ${slices}`)
      inFlight.push({ slice, place })
      place = checkSlice(rows, slice, place, slotBytes)
      slices += 1
      bytes += slice.bytes
      const keep = Math.floor(random() * maxInFlight)
      if (random() < 0.002) await setTimeout(1)
      else if (random() < 0.02) await setImmediate()
      while (inFlight.length > keep) release()
    } else if (inFlight.length > 0) {
      release()
    } else if (state !== STREAM_STATE.open) {
      return { slices, rows: place.row, bytes, released: reader.released }
    } else {
      const wait = reader.waitForBell(bell, WAIT_BOUND_MS)
      if (wait !== true) await wait
    }
  }
}

// Atomics.waitAsync keeps no thread alive; a port with a listener does
parentPort?.on('message', () => undefined)
parentPort?.postMessage(await read(workerData as ReaderOrders))
parentPort?.close()
