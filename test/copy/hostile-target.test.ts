import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import {
  CopyError,
  type CopyErrorCode,
  type CopyPhase,
  type CopyResult,
  WorkerPool,
} from '../../src/index.js'
import {
  columns,
  complete,
  copyInResponse,
  copyOutResponse,
  dataRow,
  errorResponse,
  ready,
} from '../support/backend-messages.js'
import { loadedOf, runScripted, type ScriptedOutcome } from '../support/scripted-copy.js'
import type { Script } from '../support/scripted-server.js'
import type { ClientMessage, ScriptedSession } from '../support/scripted-session.js'
import { until } from '../support/story.js'
import { copyData, copyDone, message } from '../support/wire.js'

const pool = new WorkerPool({ threads: 2 })
after(() => pool.close())

const HUGE = 2 ** 31 - 1
const GIVES: CopyErrorCode = 'COPY_PROTOCOL'

/** The first target is faulted, with nothing visible; the other has everything. @returns the fault */
const faultedAlone = ({ result, error, targets, whole }: ScriptedOutcome): CopyError => {
  assert.equal(error, undefined, (error as Error | undefined)?.message)
  const [faulted, intact] = (result as CopyResult).receivers
  assert.equal(intact?.state, 'committed')
  assert.equal(loadedOf(targets[1], whole), 'all')
  assert.equal(faulted?.state, 'dropped')
  assert.equal(loadedOf(targets[0], whole), 'nothing')
  assert.ok(faulted?.fault instanceof CopyError)
  return faulted.fault
}

/** Messages of the client at which a target may begin to lie, and the phase that its receiver is in then. */
const MOMENTS: Record<string, { is: (got: ClientMessage) => boolean; phases: readonly CopyPhase[] }> = {
  'its start': { is: ({ type }) => type === 'startup', phases: ['connect'] },
  BEGIN: { is: ({ sql }) => sql?.startsWith('BEGIN') === true, phases: ['start'] },
  'its COPY': { is: ({ sql }) => sql?.startsWith('COPY') === true, phases: ['start'] },
  // the pass may have ended meanwhile
  'the first rows': { is: ({ type }) => type === 'd', phases: ['copy', 'complete'] },
  CopyDone: { is: ({ type }) => type === 'c', phases: ['complete'] },
  'what makes constraints immediate': {
    is: ({ sql }) => sql?.startsWith('SET CONSTRAINTS') === true,
    phases: ['complete'],
  },
  COMMIT: { is: ({ sql }) => sql === 'COMMIT', phases: ['commit'] },
}

const LIES: Record<string, [bytes: Buffer, says: RegExp]> = {
  'a length of 0': [message('C', '', 0), /"C" with length 0/],
  'a length of 3': [message('Z', '', 3), /"Z" with length 3/],
  'a negative length': [message('S', '', -1), /"S" with length -1/],
  'a huge length': [message('C', '', HUGE), /"C" with length/],
  'a huge notice': [message('N', '', HUGE), /"N" with length/],
  'an unknown type': [message('V', 'body'), /"V", which is out of place/],
  'a replication message': [message('W', Buffer.from([0, 0, 0])), /"W", which is out of place/],
  'an error without terminator': [message('E', 'SERROR\0C22012\0'), /"E" whose fields do not end/],
  'a notice without terminator': [message('N', 'SNOTICE\0'), /"N" whose fields do not end/],
  'a row that ends before its values': [message('D', Buffer.from([0, 9, 0, 0])), /range|bounds/],
}
for (const [moment, { is, phases }] of Object.entries(MOMENTS)) {
  for (const [lie, [bytes, says]] of Object.entries(LIES)) {
    test(`hostile input: a target that answers ${moment} with ${lie} is faulted alone`, () => {
      const script: Script = (got, byItself) => (is(got) ? [bytes] : byItself())
      return runScripted({ pool, target: { script } }, (outcome) => {
        const fault = faultedAlone(outcome)
        // the server itself is asked for the outcome of the COMMIT: it was lost
        assert.equal(fault.code, moment === 'COMMIT' ? 'COPY_CONNECTION_LOST' : GIVES, fault.message)
        assert.match(fault.message, says)
        assert.ok(phases.includes(fault.phase as CopyPhase), `${fault.phase}, not ${phases}`)
      })
    })
  }
}

const STRANGERS: Record<string, Buffer> = {
  CopyData: copyData('row\n'),
  CopyDone: copyDone(),
  CopyInResponse: copyInResponse(),
  CopyOutResponse: copyOutResponse(),
  RowDescription: columns(),
  DataRow: dataRow('v'),
  CommandComplete: complete('COPY 20'),
  ReadyForQuery: ready('T'),
}
for (const [name, bytes] of Object.entries(STRANGERS)) {
  test(`hostile input: a target that sends ${name} while it is sent rows is faulted alone`, () => {
    const script: Script = (got, byItself) => (got.type === 'd' ? [bytes] : byItself())
    return runScripted({ pool, target: { script } }, (outcome) => {
      const fault = faultedAlone(outcome)
      assert.equal(fault.code, GIVES, fault.message)
      // all may have been sent meanwhile: then its answer to CopyDone is one CommandComplete too many
      assert.match(
        fault.message,
        new RegExp(`^(${name} came where none belongs|more than one statement .*)$`),
      )
    })
  })
}

for (const name of ['DataRow', 'RowDescription', 'CopyData', 'CommandComplete']) {
  test(`hostile input: a target that sends ${name} when nothing was asked is faulted alone, before COMMIT`, async () => {
    const target: Script = (got, byItself) => {
      const answer = byItself()
      return got.sql?.includes('pg_current_xact_id') ? [...answer, STRANGERS[name] as Buffer] : answer
    }
    // the target waits at the barrier until the other one is complete
    let lying: ScriptedSession | undefined
    const other: Script = async (got, byItself) => {
      if (got.type === 'c') await until(() => lying?.isClosed === true, 'the lying target is dropped')
      return byItself()
    }
    const remembered: Script = (got, byItself, session) => {
      lying = session
      return target(got, byItself, session)
    }
    await runScripted({ pool, target: { script: remembered }, other: { script: other } }, (outcome) => {
      const fault = faultedAlone(outcome)
      assert.equal(fault.code, GIVES, fault.message)
      assert.equal(outcome.targets[0].first.statements.includes('COMMIT'), false)
    })
  })
}

for (const tag of ['COPY', 'COPY -1', 'COPY 18446744073709551616', 'SELECT 20', '']) {
  test(`hostile input: a target that ends COPY with the tag ${JSON.stringify(tag)} is faulted alone`, () => {
    const script: Script = (got, byItself) => (got.type === 'c' ? [complete(tag), ready('T')] : byItself())
    return runScripted({ pool, target: { script } }, (outcome) => {
      const fault = faultedAlone(outcome)
      assert.equal(fault.code, GIVES, fault.message)
      assert.match(fault.message, /ended COPY with the tag/)
    })
  })
}

for (const how of ['end', 'reset'] as const) {
  const closed = how === 'end' ? 'closed' : 'reset'
  for (const behind of ['CopyDone', 'CommandComplete'] as const) {
    test(`row 16: a target ${closed} after ${behind} is faulted alone and not in doubt`, () => {
      const script: Script = (got, byItself, session) => {
        if (got.type !== 'c') return byItself()
        if (behind === 'CommandComplete') session.send(byItself()[0] as Uint8Array)
        setTimeout(() => session.cut(how), 20)
        return new Promise(() => undefined)
      }
      return runScripted({ pool, target: { script } }, (outcome) => {
        const fault = faultedAlone(outcome)
        assert.equal(fault.code, 'COPY_CONNECTION_LOST', fault.message)
        assert.equal(fault.phase, 'complete')
      })
    })
  }
}

test('hostile input: control characters of a target reach no terminal, neither as a cause', () => {
  const text = 'red \u001b[31m, back \r, csi \u009b'
  const script: Script = (got, byItself) =>
    got.type === 'c' ? [errorResponse('23505', text), ready('E')] : byItself()
  return runScripted({ pool, target: { script } }, (outcome) => {
    const fault = faultedAlone(outcome)
    assert.equal(fault.message, 'red \ufffd[31m, back \ufffd, csi \ufffd')
    assert.doesNotMatch(
      inspect(fault, { depth: 20, showHidden: true }),
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/,
    )
  })
})
