import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import {
  CopyFailed,
  CopyManager,
  type CopyManagerOptions,
  type Outcome,
  ProducerFault,
  WorkerPool,
} from '../../../src/index.js'
import { IS_FULL, sampleOf, TIMEOUT_MS } from '../../fuzz/amount.js'
import { allowThreads } from '../../support/remains.js'
import { SEED } from '../../support/seed.js'
import { inTime, iterate, once, type Story, story } from '../../support/story.js'
import {
  type Cast,
  type Cause,
  into,
  RING,
  type Row,
  type SourceRow,
  type Stage,
  type Staged,
} from './stage.js'

/** One of three each in `npm test`; one of eight and seven of eight in `npm run test:fault`. */
const CASTS: readonly Cast[] = IS_FULL
  ? [
      { of: 8, faulted: 1 },
      { of: 8, faulted: 7 },
    ]
  : [{ of: 3, faulted: 1 }]

const MORE_CAUSES = 3

/** Threads that the copies of `npm test` share where no thread is made to fail: to start one costs more than such a copy. */
const shared = IS_FULL ? undefined : new WorkerPool({ threads: 3 })
if (shared !== undefined) {
  allowThreads(shared.threads)
  after(() => shared.close())
}

/** Whose threads a copy runs in. */
const poolOf = (hasOwnThreads: boolean): Pick<CopyManagerOptions, 'pool'> =>
  hasOwnThreads || shared === undefined ? {} : { pool: shared }

/** The faulted receivers are reported, the others are complete and equal. */
const playIsolated = async (
  s: Story,
  stage: Stage,
  cast: Cast,
  cause: Cause,
  pool: Pick<CopyManagerOptions, 'pool'>,
): Promise<void> => {
  const all = stage.places(cast)
  const [faulted, well] = [all.slice(0, cast.faulted), all.slice(cast.faulted)]
  const table = cause.isWide ? 'wide' : 't'
  await stage.renew(all)
  const staged: Staged[] = []
  const undo = once(() => Promise.all(staged.map(({ undo }) => undo?.())))
  try {
    for (const place of faulted) staged.push(await cause.stage(place))
    const receivers = [...staged.map(({ receiver }) => receiver), ...well.map((place) => into(place))]
    const manager = new CopyManager(stage.fromTable(table), receivers, {
      ring: RING,
      ...pool,
      ...cause.options,
    })
    cause.begin?.(manager)
    const acts = once(() => Promise.all(staged.map(({ act }) => act?.())))
    const { faults } = await inTime(iterate(manager, { cycle: acts }), cause.what)
    const { outcomes } = manager
    for (const outcome of outcomes.slice(0, cast.faulted)) stage.assertFault(outcome, cause.expected)
    for (const outcome of outcomes.slice(cast.faulted)) stage.assertFault(outcome, { state: 'committed' })
    await cause.assert?.(manager, cast)
    await undo()
    await stage.assertLetGo(s, [manager, ...faults, ...outcomes])
  } finally {
    await undo()
  }
  await Promise.all(well.map((place) => stage.assertLoaded(place, table)))
  const { rows = cause.expected.state === 'committed' ? 'all' : 0 } = cause.expected
  await Promise.all(
    faulted.map((place) => (rows === 0 ? stage.assertEmpty(place) : stage.assertLoaded(place, table))),
  )
}

/** Under `abort` no receiver has rows. */
const playAborting = async (
  s: Story,
  stage: Stage,
  cast: Cast,
  cause: Cause,
  pool: Pick<CopyManagerOptions, 'pool'>,
): Promise<void> => {
  const all = stage.places(cast)
  await stage.renew(all)
  const staged: Staged[] = []
  const undo = once(() => Promise.all(staged.map(({ undo }) => undo?.())))
  const well = all.slice(cast.faulted).map((place) => into(place))
  const mark = (await stage.good.log()).length
  try {
    for (const place of all.slice(0, cast.faulted)) staged.push(await cause.stage(place))
    const manager = new CopyManager(
      stage.fromTable('t'),
      [...staged.map(({ receiver }) => receiver), ...well],
      { ring: RING, ...pool, ...cause.options },
    )
    const error = await inTime(
      manager.run().catch((error: unknown) => error),
      cause.what,
    )
    assert.ok(error instanceof CopyFailed, `${cause.what}: ${inspect(error)}`)
    assert.deepEqual(error.committed, [])
    await undo()
    await stage.assertLetGo(s, [manager, error])
    assert.deepEqual((await stage.copiesEnded(stage.good, mark)).lost, [], cause.what)
  } finally {
    await undo()
  }
  await Promise.all(all.map(stage.assertEmpty))
}

/** Declares the test of a row in which receivers fail. @param hasOwnThreads whether its causes may end a thread */
export const receiverRow = (stage: Stage, { row, what, causes }: Row, hasOwnThreads: boolean): void => {
  const pool = poolOf(hasOwnThreads)
  // all of them in `npm run test:fault`; the first, and some that the seed chooses, else
  const chosen = [...causes.slice(0, 1), ...sampleOf(causes.slice(1), MORE_CAUSES)]
  story(`row ${row}: ${what}`, { timeout: TIMEOUT_MS }, async (s) => {
    s.t.diagnostic(`COPYMAN_SEED=${SEED}`)
    for (const cast of CASTS) {
      for (const cause of chosen) {
        const what = `${cast.faulted} of ${cast.of}: ${cause.what}`
        s.t.diagnostic(cause.unless === undefined ? what : `${what}: left out, ${cause.unless}`)
        if (cause.unless !== undefined) continue
        await playIsolated(s, stage, cast, cause, pool)
        if (cause.alsoAborting) await playAborting(s, stage, cast, cause, pool)
      }
    }
  })
}

/** Declares the test of a row in which the producer fails: nothing is loaded anywhere. */
export const producerRow = (stage: Stage, { row, what, isMidCopy, causes }: SourceRow): void => {
  story(`row ${row}: ${what}`, { timeout: TIMEOUT_MS }, async (s) => {
    const [cast] = CASTS as [Cast]
    for (const cause of causes) {
      s.t.diagnostic(cause.what)
      const all = stage.places(cast)
      await stage.renew(all)
      const marks = await Promise.all(
        [stage.good, stage.bad].map(async (server) => (await server.log()).length),
      )
      const staged = await cause.stage()
      const undo = once(() => staged.undo?.())
      try {
        const receivers = all.map((place) => into(place))
        const manager = new CopyManager(staged.producer, receivers, { ring: RING, ...poolOf(false) })
        const error = await inTime(
          iterate(manager, { cycle: once(() => staged.act?.()) }).catch((error: unknown) => error),
          cause.what,
        )
        assert.ok(error instanceof CopyFailed, `${cause.what}: ${inspect(error)}`)
        assert.ok(error.cause instanceof ProducerFault, inspect(error))
        const fault = error.cause.cause
        stage.assertFault({ name: 'producer', state: 'dropped', fault } as Outcome, cause.expected)
        for (const { state, name } of manager.outcomes) assert.equal(state, 'aborted', name)
        await undo()
        await stage.assertLetGo(s, [manager, error])
        const ends = await Promise.all(
          [stage.good, stage.bad].map((server, i) => stage.copiesEnded(server, marks[i] as number)),
        )
        // a receiver that is on its way yet is cut off: it has nothing to align
        const lost = ends.flatMap(({ lost }) => lost.filter((line) => isMidCopy || /transaction/.test(line)))
        assert.deepEqual(lost, [], `${cause.what}: not aligned`)
        const failed = ends.reduce((sum, end) => sum + end.failed, 0)
        if (isMidCopy) assert.equal(failed, all.length, `${cause.what}: CopyFail`)
      } finally {
        await undo()
      }
      await Promise.all(all.map(stage.assertEmpty))
    }
  })
}

/** Declares the last test of a file: no password was written anywhere. */
export const secretsOf = (stage: Stage): void => {
  test('secrets: no output and no log of a server has a password of the matrix', stage.assertSecretsKept)
}
