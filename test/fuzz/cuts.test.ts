import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { CopyError, type CopyResult, WorkerPool } from '../../src/index.js'
import type { CopyFormat } from '../support/copied-rows.js'
import {
  assertWhole,
  loadedOf,
  producerFaultOf,
  runScripted,
  type ScriptedOutcome,
} from '../support/scripted-copy.js'
import type { Cut, ScriptedServer } from '../support/scripted-server.js'
import { SEED } from '../support/seed.js'
import { IS_FULL, sampleOf, TIMEOUT_MS } from './amount.js'
import { inParallel } from './in-parallel.js'

const FORMATS: readonly CopyFormat[] = ['text', 'csv', 'binary']
const BYTES = 4096
const SAMPLE = 14
/** What comes last, from CopyDone to COMMIT, is where most can go wrong: it has a sample of its own. */
const LAST_BYTES = 500
/** Copies at a time: each waits for round trips most of the time. */
const WIDTH = 6
/** So that a connection has all its bytes, to the last answer, within those that are cut. */
const ROWS = {
  text: { sent: 130, received: 121 },
  csv: { sent: 124, received: 111 },
  binary: { sent: 112, received: 97 },
}

const pool = new WorkerPool({ threads: WIDTH * 2 })
after(() => pool.close())

/** Every place where a connection can be cut, with a FIN and with a RST in turn. */
const cuts = (after: Cut['after'], bytes = BYTES): readonly Cut[] =>
  Array.from({ length: bytes }, (_, at) => ({ after, bytes: at, how: at % 2 === 0 ? 'end' : 'reset' }))

/** All cuts, or a sample of them, of a connection that has so many bytes. */
const chosen = (all: readonly Cut[], bytes: number): readonly Cut[] => {
  const last = bytes - LAST_BYTES
  return IS_FULL
    ? all
    : [...sampleOf(all.slice(0, last), SAMPLE), ...sampleOf(all.slice(last, bytes), SAMPLE)]
}

const timed = async (t: TestContext, count: number, work: Promise<void>): Promise<void> => {
  t.diagnostic(`COPYMAN_SEED=${SEED}`)
  const begun = performance.now()
  await work
  t.diagnostic(`${count} copies in ${Math.round(performance.now() - begun)} ms`)
}

/** Bytes of the connection when nothing cuts it. */
const uncut = async (
  format: CopyFormat,
  rows: number,
): Promise<{ source: number; target: number; answers: number }> => {
  let bytes = { source: 0, target: 0, answers: 0 }
  await runScripted({ format, rows, pool }, (outcome) => {
    assertWhole(outcome)
    const { first } = outcome.targets[0]
    bytes = { source: outcome.source.first.sent, target: first.received, answers: first.sent }
  })
  return bytes
}

for (const format of FORMATS) {
  test(`row 7: a producer cut at any of the first ${BYTES} bytes that it sends leaves no table, ${format}`, {
    timeout: TIMEOUT_MS,
  }, async (t) => {
    const rows = ROWS[format].sent
    const all = (await uncut(format, rows)).source
    assert.ok(all > 3500 && all <= BYTES, `an uncut source sends ${all} bytes`)
    const some = chosen(cuts('sent'), all)
    const run = (cut: Cut): Promise<void> =>
      runScripted({ format, rows, source: { cut }, pool }, (outcome) => {
        if (cut.bytes >= all) return assertWhole(outcome)
        const { code, message } = producerFaultOf(outcome).cause as CopyError
        assert.ok(code === 'COPY_CONNECTION_LOST' || code === 'COPY_CONNECT', message)
      })
    await timed(t, some.length, inParallel(some, WIDTH, run))
  })

  test(`row 11: a receiver cut at any of the first ${BYTES} bytes that it is sent is faulted alone, ${format}`, {
    timeout: TIMEOUT_MS,
  }, async (t) => {
    const rows = ROWS[format].received
    const all = (await uncut(format, rows)).target
    assert.ok(all > 3500 && all <= BYTES, `a target is sent ${all} bytes`)
    const some = chosen(cuts('received'), all)
    const run = (cut: Cut): Promise<void> =>
      runScripted({ format, rows, target: { cut }, pool }, assertFaultedAlone)
    await timed(t, some.length, inParallel(some, WIDTH, run))
  })
}

test('row 11: a receiver cut at any byte of its answers is faulted alone', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const rows = ROWS.text.received
  const { answers } = await uncut('text', rows)
  const some = sampleOf(cuts('sent', answers), SAMPLE)
  const run = (cut: Cut): Promise<void> => runScripted({ rows, target: { cut }, pool }, assertFaultedAlone)
  await timed(t, some.length, inParallel(some, WIDTH, run))
})

/** What the client may say of a connection that was lost when the server had seen and answered this much. */
const expected = (target: ScriptedServer): { codes: readonly string[]; phases: readonly string[] } => {
  const session = target.first
  const begun = session.statements.length > 0
  const has = (part: string): boolean => session.statements.some((sql) => sql.includes(part))
  if (!begun) return { codes: ['COPY_CONNECT', 'COPY_CONNECTION_LOST'], phases: ['connect', 'start'] }
  if (!has('COPY t')) return { codes: ['COPY_CONNECTION_LOST'], phases: ['start'] }
  if (!session.has('c')) return { codes: ['COPY_CONNECTION_LOST'], phases: ['start', 'copy', 'complete'] }
  if (!has('pg_current_xact_id')) {
    return { codes: ['COPY_CONNECTION_LOST'], phases: ['complete'] }
  }
  // COMMIT may have been on its way: only between its leaving and its answer is there a doubt
  return { codes: ['COPY_CONNECTION_LOST', 'COPY_IN_DOUBT'], phases: ['complete', 'commit'] }
}

function assertFaultedAlone(outcome: ScriptedOutcome): void {
  const { result, error, targets, whole } = outcome
  assert.equal(error, undefined, `${(error as Error)?.message}`)
  const [cut, other] = targets
  assert.equal(loadedOf(other, whole), 'all')
  const [faulted, intact] = (result as CopyResult).receivers
  assert.equal(intact?.state, 'committed')
  const loaded = loadedOf(cut, whole)
  // cut after its last answer, or resolved by asking the server
  if (faulted?.state === 'committed') {
    assert.equal(loaded, 'all')
    return
  }
  const fault = faulted?.fault
  assert.ok(fault instanceof CopyError, `no fault: ${faulted?.state}`)
  const { codes, phases } = expected(cut)
  assert.ok(codes.includes(fault.code), `${fault.code}, not ${codes}: ${fault.message}`)
  assert.ok(phases.includes(fault.phase as string), `phase ${fault.phase}, not ${phases}: ${fault.message}`)
  const isInDoubt = fault.code === 'COPY_IN_DOUBT'
  assert.equal(faulted?.state, isInDoubt ? 'in-doubt' : 'dropped')
  if (!isInDoubt) assert.equal(loaded, 'nothing')
}
