import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { CopyObserver } from '../../../../src/main/handles/copy-observer.js'
import { ReceiverHandle } from '../../../../src/main/handles/receiver-handle.js'
import { requireTransition, STATES, type StateName } from '../../../../src/main/handles/receiver-state.js'
import type { LinkListener, ReceiverLink, RunnerEnd } from '../../../../src/main/links/link.js'
import { checkOptions } from '../../../../src/main/options/copy-options.js'
import { NullReceiver } from '../../../../src/main/receivers/null-receiver.js'
import { makeRing } from '../../../../src/main/ring/make-ring.js'
import { CopyError } from '../../../../src/shared/errors/errors.js'
import type { ReceiverCommand } from '../../../../src/shared/messages/messages.js'
import { STREAM_STATE } from '../../../../src/shared/ring/cells.js'

const NAMES = Object.keys(STATES) as StateName[]
const START = { pass: 1, sequence: 0, stallMs: 0, slowMs: 0 }
const DEADLINE_MS = 50
const boom = new Error('boom')

/** A handle whose runner is this test: it reports what a story says, and answers aborts where the story lets it. */
class Stage implements ReceiverLink {
  readonly server = undefined
  readonly over: Promise<RunnerEnd>
  /** The states that the observer heard of, after the first. */
  readonly states: string[] = ['opening']
  readonly sent: ReceiverCommand['type'][] = []
  readonly parts = makeRing({ slots: 2, slotBytes: 64 }, () => undefined)
  readonly handle: ReceiverHandle
  /** Whether the runner answers an abort. */
  isAnswering = true
  exit: () => void = () => undefined
  #listener: LinkListener | undefined

  constructor() {
    const { ring, gate, writer } = this.parts
    const observer: Partial<CopyObserver> = { receiverChanged: ({ state }) => this.states.push(state) }
    this.over = new Promise((resolve) => {
      this.exit = () => resolve('killed')
    })
    this.handle = new ReceiverHandle(new NullReceiver(), 'one', {
      ring,
      gate,
      before: (sequence) => writer.totals.before(sequence),
      deadlines: checkOptions({}).deadlines,
      observer: observer as CopyObserver,
    })
  }

  link(_ticket: unknown, listener: LinkListener): ReceiverLink {
    this.#listener = listener
    return this
  }

  send({ type }: ReceiverCommand): void {
    this.sent.push(type)
    if (type === 'abort' && this.isAnswering) this.answer()
  }

  kill(): void {}

  begin(): this {
    this.handle.begin(this, START)
    return this
  }

  receiving(): this {
    this.#listener?.reported({ type: 'receiving', pass: 1 })
    return this
  }

  completed(commits = true): this {
    this.#listener?.reported({ type: 'completed', completion: { rows: 1, commits } })
    return this
  }

  committed(): this {
    this.#listener?.reported({ type: 'committed' })
    return this
  }

  fault(cause: Error = boom, resumable = false): this {
    this.#listener?.reported({ type: 'fault', cause, resumable })
    return this
  }

  answer(): this {
    this.#listener?.reported({ type: 'aborted', aligned: true })
    return this
  }

  endStream(): this {
    this.parts.writer.setState(STREAM_STATE.ended)
    this.handle.passEnded()
    return this
  }

  drop(): Promise<void> {
    return this.handle.drop(DEADLINE_MS)
  }

  abort(): Promise<void> {
    return this.handle.abort('the copy was aborted', DEADLINE_MS)
  }

  restart(): Promise<void> {
    return this.handle.reconcile('start', DEADLINE_MS)
  }

  commit(): this {
    void this.handle.commit()
    return this
  }
}

const refused = (message: RegExp) => ({ code: 'COPY_STATE', message })

/** What happens to a receiver, and the states that callers see. */
const STORIES: Record<string, { readonly act: (stage: Stage) => unknown; readonly states: string }> = {
  'all is well': {
    act: (s) => s.begin().receiving().endStream().completed().commit().committed(),
    states: 'opening opening receiving completing completed committing committed',
  },
  'it is complete before main has noticed the end of the stream': {
    act: (s) => s.begin().receiving().completed().commit().committed(),
    states: 'opening opening receiving completed committing committed',
  },
  'it opens after the end of the stream, and has nothing to commit': {
    act: (s) => s.begin().endStream().receiving().completed(false),
    states: 'opening opening completing completed',
  },
  'after its end nothing that its runner reports counts': {
    act: (s) => s.begin().receiving().completed(false).fault().receiving().completed().committed(),
    states: 'opening opening receiving completed',
  },
  'it cannot be placed, and is dropped': {
    act: (s) => {
      s.handle.fail(boom)
      return s.drop()
    },
    states: 'opening faulted dropped',
  },
  'it joins late': {
    act: (s) => {
      s.handle.wait()
      s.begin()
    },
    states: 'opening waiting opening',
  },
  'it joins late, and there is no thread for it': {
    act: (s) => {
      s.handle.wait()
      s.handle.fail(boom)
    },
    states: 'opening waiting faulted',
  },
  'it joins late, and the copy is aborted before the next pass': {
    act: (s) => {
      s.handle.wait()
      return s.abort()
    },
    states: 'opening waiting aborted',
  },
  'it faults, goes on, stalls, is lost before that is decided, and cannot go on': {
    act: (s) => {
      s.begin().receiving().fault(boom, true)
      s.handle.reconcile('cursor', DEADLINE_MS)
      assert.equal(s.handle.fault?.message, undefined)
      s.fault(boom, true).fault(new Error('lost'))
      assert.match(s.handle.fault?.message ?? '', /lost/)
      assert.throws(() => s.handle.reconcile('cursor', DEADLINE_MS), refused(/cannot go on .* since lost/))
      assert.deepEqual(s.sent, ['begin', 'reconcile'])
    },
    states: 'opening opening receiving faulted receiving faulted faulted',
  },
  'it goes on after the stream has ended': {
    act: (s) => {
      s.begin().receiving().fault(boom, true).endStream()
      s.handle.reconcile('cursor', DEADLINE_MS)
    },
    states: 'opening opening receiving faulted completing',
  },
  'without a fault there is nothing to reconcile': {
    act: (s) => {
      s.begin().receiving()
      for (const from of ['cursor', 'start'] as const) {
        assert.throws(() => s.handle.reconcile(from, DEADLINE_MS), refused(/no fault .* it is receiving/))
      }
    },
    states: 'opening opening receiving',
  },
  'it faults as it opens, and takes part in the next pass': {
    act: async (s) => {
      s.begin().fault()
      await s.restart()
      assert.equal(s.handle.fault, undefined)
      s.begin().receiving()
      assert.deepEqual(s.sent, ['begin', 'abort', 'begin'])
    },
    states: 'opening opening faulted waiting opening receiving',
  },
  'a fault of the aborted attempt, while the receiver waits, is ignored': {
    act: async (s) => {
      s.begin().receiving().fault()
      const waiting = s.restart()
      s.fault(new Error('before the abort was sent'))
      await waiting
      s.fault(new Error('after the abort was answered'))
    },
    states: 'opening opening receiving faulted waiting',
  },
  'a fault while it is aborted is ignored': {
    act: async (s) => {
      s.isAnswering = false
      const aborting = s.begin().receiving().abort()
      await turn()
      s.fault().answer()
      await aborting
    },
    states: 'opening opening receiving aborted',
  },
  'its thread does not end when it is reconciled from the start': {
    act: async (s) => {
      s.isAnswering = false
      await assert.rejects(s.begin().receiving().fault().restart(), refused(/does not end/))
      assert.equal(s.handle.runner.isClean, false)
      assert.equal(s.parts.gate.cursor(s.handle.subscription.ticket.receiver), 0, 'its cursor gates')
      s.exit()
      await turn()
      assert.equal(s.parts.gate.cursor(s.handle.subscription.ticket.receiver), undefined)
    },
    states: 'opening opening receiving faulted waiting dropped',
  },
  'it holds up the others: it releases at once, and later reports of its runner are ignored': {
    act: async (s) => {
      s.begin().receiving()
      s.handle.failAndRelease(new CopyError('COPY_LAG', 'too slow', { phase: 'copy' }), 1)
      await s.handle.released
      assert.equal(s.parts.gate.cursor(s.handle.subscription.ticket.receiver), undefined)
      s.fault()
      assert.equal(s.handle.fault?.code, 'COPY_LAG')
    },
    states: 'opening opening receiving faulted',
  },
  'it is reconciled from the start while it is dropped': {
    act: async (s) => {
      s.isAnswering = false
      const dropping = s.begin().receiving().fault().drop()
      await turn()
      const restarting = s.restart()
      s.answer()
      await Promise.all([dropping, restarting])
    },
    states: 'opening opening receiving faulted waiting',
  },
  'it is reconciled before its drop has begun': {
    act: async (s) => {
      const dropping = s.begin().receiving().fault(boom, true).drop()
      await s.handle.reconcile('cursor', DEADLINE_MS)
      await dropping
      assert.deepEqual(s.sent, ['begin', 'reconcile'])
    },
    states: 'opening opening receiving faulted receiving',
  },
  'it cannot go on from its cursor while it is dropped': {
    act: async (s) => {
      s.isAnswering = false
      const dropping = s.begin().receiving().fault(boom, true).drop()
      await turn()
      assert.throws(() => s.handle.reconcile('cursor', DEADLINE_MS), refused(/cannot go on .* since boom/))
      s.answer()
      await dropping
      assert.throws(() => s.handle.reconcile('start', DEADLINE_MS), refused(/it is dropped/))
    },
    states: 'opening opening receiving faulted dropped',
  },
  'the copy is aborted while it is dropped': {
    act: (s) => {
      const dropping = s.begin().receiving().fault().drop()
      return Promise.all([dropping, s.abort()])
    },
    states: 'opening opening receiving faulted dropped aborted',
  },
  'the copy is aborted while it is dropped, complete': {
    act: (s) => {
      const dropping = s.begin().receiving().completed().fault().drop()
      return Promise.all([dropping, s.abort()])
    },
    states: 'opening opening receiving completed faulted dropped rolled-back',
  },
  'the copy is aborted as it opens': {
    act: (s) => s.begin().abort(),
    states: 'opening opening aborted',
  },
  'the copy is aborted at the end of the stream': {
    act: (s) => s.begin().receiving().endStream().abort(),
    states: 'opening opening receiving completing aborted',
  },
  'the copy is aborted at the barrier': {
    act: (s) => s.begin().receiving().completed().abort(),
    states: 'opening opening receiving completed rolled-back',
  },
  'the copy is aborted while its completion is on the way': {
    act: async (s) => {
      s.isAnswering = false
      const aborting = s.begin().receiving().abort()
      await turn()
      s.completed().answer()
      await aborting
    },
    states: 'opening opening receiving completed aborted',
  },
  'the same for a receiver that has nothing to commit': {
    act: async (s) => {
      s.isAnswering = false
      const aborting = s.begin().receiving().abort()
      await turn()
      s.completed(false).answer()
      await aborting
    },
    states: 'opening opening receiving completed aborted',
  },
  'the copy is aborted when it has nothing to commit and is complete': {
    act: (s) => s.begin().receiving().completed(false).abort(),
    states: 'opening opening receiving completed',
  },
  'the copy is aborted with a fault undecided, before and after its data was complete': {
    act: (s) => s.begin().receiving().fault().abort(),
    states: 'opening opening receiving faulted aborted',
  },
  'a fault at the end of the stream': {
    act: (s) => s.begin().receiving().endStream().fault(),
    states: 'opening opening receiving completing faulted',
  },
  'a fault at the barrier, and the copy is aborted': {
    act: async (s) => {
      await s.begin().receiving().completed().fault().abort()
      assert.deepEqual([s.handle.completion?.rows, s.handle.fault?.cause], [1, boom])
    },
    states: 'opening opening receiving completed faulted rolled-back',
  },
  'its count is wrong, though it has nothing to commit': {
    act: (s) => s.begin().receiving().completed(false).handle.fail(boom),
    states: 'opening opening receiving completed faulted',
  },
  'its server refuses the COMMIT': {
    act: (s) =>
      s
        .begin()
        .receiving()
        .completed()
        .commit()
        .fault(new CopyError('COPY_COMMIT', 'rolled back', { phase: 'commit' })),
    states: 'opening opening receiving completed committing faulted',
  },
  'its COMMIT is in doubt: a fault first, which nothing hides and nothing mends': {
    act: async (s) => {
      s.begin().receiving().completed().commit().fault()
      await turn()
      assert.equal(s.handle.fault?.code, 'COPY_IN_DOUBT')
      assert.ok(s.handle.facts.isInDoubt)
      s.fault(new Error('later'))
      assert.equal(s.handle.fault?.code, 'COPY_IN_DOUBT')
      assert.throws(() => s.handle.reconcile('cursor', DEADLINE_MS), refused(/cannot go on/))
      assert.throws(() => s.handle.reconcile('start', DEADLINE_MS), refused(/may have committed already/))
      await s.drop()
      await s.abort()
      assert.ok(s.handle.facts.isInDoubt)
    },
    states: 'opening opening receiving completed committing faulted in-doubt',
  },
}

const walked = new Set<string>()

for (const [what, { act, states }] of Object.entries(STORIES)) {
  test(what, async () => {
    const stage = new Stage()
    await act(stage)
    await turn()
    assert.equal(stage.states.join(' '), states)
    stage.states.forEach((state, i) => {
      if (i > 0) walked.add(`${stage.states[i - 1]} → ${state}`)
    })
  })
}

test('the stories walk every transition of the table, and no other', () => {
  const allowed = NAMES.flatMap((from) =>
    STATES[from].next.map((to) => `${STATES[from].shown} → ${STATES[to].shown}`),
  )
  assert.deepEqual([...walked].sort(), [...new Set(allowed)].sort())
})

test('a transition that the table does not have is a programming error that names both states', async () => {
  for (const from of NAMES) {
    for (const to of NAMES) {
      const enter = () => requireTransition('one', from, to)
      if (STATES[from].next.includes(to)) enter()
      else assert.throws(enter, new RangeError(`one cannot go from ${from} to ${to}`))
    }
  }
  const { handle, states } = new Stage().begin().receiving()
  await assert.rejects(handle.commit(), new RangeError('one cannot go from receiving to committing'))
  assert.throws(() => handle.wait(), RangeError)
  assert.deepEqual([handle.state, states.length], ['receiving', 3])
})

test('a state that is final has no further one, but for a wrong count and a copy that is aborted meanwhile', () => {
  const leaving = NAMES.filter((name) => STATES[name].isFinal && STATES[name].next.length > 0)
  assert.deepEqual(leaving, ['finished', 'dropped'])
  for (const name of NAMES) {
    const { isFinal, isLoaded, isDone, ignoresFaults } = STATES[name]
    assert.equal(isDone, isFinal && isLoaded, name)
    assert.ok(ignoresFaults || !isFinal, name)
  }
})
