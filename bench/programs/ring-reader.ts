// A thread that takes and releases all slices of a ring. workerData is its RingTicket.
import { parentPort, workerData } from 'node:worker_threads'
import { RingReader, type RingTicket } from '../../src/shared/ring/reader.js'
import { Drain } from '../../src/shared/runner/drain.js'
import { NullTarget } from '../../src/workers/targets/null-target.js'

const alive = setInterval(() => undefined, 1000)
parentPort?.postMessage('ready')
await new Drain(new RingReader(workerData as RingTicket, 0), new NullTarget()).run()
clearInterval(alive)
