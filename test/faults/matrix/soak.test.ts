import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { CopyFailed, CopyManager, type CopyManagerOptions, type Receiver } from '../../../src/index.js'
import { IS_FULL, TIMEOUT_MS } from '../../fuzz/amount.js'
import { countRemains } from '../../support/remains.js'
import { randomFrom, SEED } from '../../support/seed.js'
import { inTime, iterate, once, story } from '../../support/story.js'
import { CONNECTING } from './connecting.js'
import { LIVING } from './living.js'
import { LOADING } from './loading.js'
import { watchOrder } from './order-watch.js'
import { sourceRows } from './sources.js'
import { type Cause, into, type Place, type Staged, startStage } from './stage.js'

/** Faults to come through. */
const FAULTS = IS_FULL ? 1000 : 17
const PLACES = { of: 4, faulted: 2 }
/** One copy in so many has a producer that fails. */
const PRODUCER_FAILS = 8

/** By row, so that one with many causes comes no more often than another. */
const CAUSES = [...CONNECTING, ...LOADING, ...LIVING]
  .map(({ causes }) => causes.filter(({ isWide, isAlone }) => !isWide && !isAlone))
  .filter(({ length }) => length > 0)

type Random = ReturnType<typeof randomFrom>
const below = (random: Random, n: number): number => Math.floor(random() * n)
const oneOf = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T

/** What is done to one place in one copy: nothing, or a cause, and whether its receiver is taken back after it. */
interface Part {
  readonly place: Place
  readonly cause?: Cause
  readonly isTakenBack: boolean
}

const stage = await startStage()
const sources = sourceRows(stage.fleet.source).flatMap(({ causes }) => causes)

const plan = (random: Random): Part[] => {
  const places = stage.places(PLACES)
  const faulted = 1 + below(random, PLACES.of - 1)
  const order = [...places].sort(() => random() - 0.5)
  return places.map((place) => {
    if (order.indexOf(place) >= faulted) return { place, isTakenBack: false }
    const cause = oneOf(random, oneOf(random, CAUSES))
    return { place, cause, isTakenBack: cause.heals === true && random() < 0.7 }
  })
}

const optionsOf = (random: Random, parts: readonly Part[]): CopyManagerOptions => {
  const ring = { slots: 2 + below(random, 7), slotBytes: 4096 << below(random, 5) }
  const deadlines = Object.assign({}, ...parts.map(({ cause }) => cause?.options?.deadlines))
  return { ring, atomicity: oneOf(random, ['barrier', 'each']), deadlines }
}

/** One copy with faults, and what faults.md says must be true after it. */
const playOne = async (random: Random): Promise<{ faults: number; what: string }> => {
  const parts = plan(random)
  const options = optionsOf(random, parts)
  const failing = below(random, PRODUCER_FAILS) === 0 ? oneOf(random, sources) : undefined
  await stage.renew(parts.map(({ place }) => place))
  const order = await watchOrder(stage.fleet.source)
  const targets = new Map(
    await Promise.all(
      [stage.good, stage.bad].map(async (server) => [server, await order.target(server)] as const),
    ),
  )
  // the watching relays stay open until the end of this copy's part of the story
  const remains = countRemains()
  const assertNothingLeft = async (): Promise<void> => {
    await stage.fleet.assertNoConnections()
    await remains.assertNoneLeft()
  }
  const staged = new Map<Part, Staged>()
  const watched = (place: Place): Receiver => {
    const connection = targets.get(place.server)
    return into(place, { connection: { ...place.connection, port: connection?.port as number } })
  }
  const source = await failing?.stage()
  const undo = once(() => Promise.all([source, ...staged.values()].map((one) => one?.undo?.())))
  const what = parts.map(
    ({ place, cause, isTakenBack }) =>
      `${place.name}: ${cause?.what ?? 'well'}${isTakenBack ? ', taken back' : ''}`,
  )
  if (failing) what.push(`source: ${failing.what}`)
  try {
    const receivers = new Map<Receiver, Part>()
    for (const part of parts) {
      const one = part.cause && (await part.cause.stage(part.place))
      if (one) staged.set(part, one)
      receivers.set(one?.receiver ?? watched(part.place), part)
    }
    const manager = new CopyManager(
      source?.producer ?? stage.fromTable('t', order.source),
      [...receivers.keys()],
      options,
    )
    const acts = once(() => Promise.all([source, ...staged.values()].map((one) => one?.act?.())))
    const takenBack = new Set<Receiver>()
    const iterating = iterate(manager, {
      cycle: acts,
      fault: async ({ faults }) => {
        for (const receiver of faults.keys()) {
          if (!receivers.get(receiver)?.isTakenBack || takenBack.has(receiver)) continue
          takenBack.add(receiver)
          await manager.reconcile(receiver, { from: 'start' })
        }
      },
    })
    const ended = await inTime(
      iterating.catch((error: unknown) => error),
      'the end of the copy',
    )
    await undo()
    const { outcomes } = manager
    if (failing === undefined) {
      for (const [i, { cause, isTakenBack }] of parts.entries()) {
        const outcome = outcomes[i] as (typeof outcomes)[0]
        if (cause && !isTakenBack) stage.assertFault(outcome, cause.expected)
        else assert.equal(outcome.state, 'committed', inspect(outcome))
      }
    } else assert.ok(ended instanceof CopyFailed, inspect(ended))
    for (const [i, { place }] of parts.entries()) {
      if (outcomes[i]?.state === 'committed') await stage.assertLoaded(place, 't')
      else await stage.assertEmpty(place)
    }
    await stage.assertLetGo({ assertNothingLeft }, [manager, ended, ...outcomes])
    order.assertKept()
    return { faults: staged.size + (failing ? 1 : 0), what: what.join('; ') }
  } catch (error) {
    throw new Error(`${what.join('; ')}: ${inspect(options)}`, { cause: error })
  } finally {
    await undo()
    await order.close()
  }
}

story(
  `${FAULTS} faults at random, one after the other: nothing is lost, doubled or hangs`,
  {
    timeout: TIMEOUT_MS,
  },
  async (s) => {
    s.t.diagnostic(`seed ${SEED}: COPYMAN_SEED=${SEED} repeats it`)
    let faults = 0
    for (let copies = 0; faults < FAULTS; copies++) {
      const random = randomFrom(SEED + copies)
      try {
        faults += (await playOne(random)).faults
      } catch (error) {
        throw new Error(
          `copy ${copies} of COPYMAN_SEED=${SEED}, or the first of COPYMAN_SEED=${SEED + copies}`,
          { cause: error },
        )
      }
    }
    await stage.assertSecretsKept()
  },
)
