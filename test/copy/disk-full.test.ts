import assert from 'node:assert/strict'
import { after } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { copy, type Receiver, type ReceiverFault } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { makeSmallDisk, unmountSmallDisks } from '../support/small-disk.js'
import { assertRows, assertSame, failsWith, faultOf, fromTable, intoTable, story } from '../support/story.js'

const fleet = await startFleet(3)
// after the end of the servers: nothing is open on it then
after(unmountSmallDisks)
const [full, second, third] = fleet.targets as [Server, Server, Server]
const ROWS = 40_000

const disk = makeSmallDisk()

story(
  "row 13: a target's disk is full: its fault with 53100, never retried; the others are complete",
  {
    skip: disk.unless,
  },
  async () => {
    await fleet.everywhere('CREATE TABLE t (i int, s text)')
    await fleet.source.query(
      `INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, ${ROWS}) AS i`,
    )
    await disk.holdTable(full, 't')
    const options = () => ({
      from: fromTable(fleet.source, 't'),
      to: fleet.targets.map((target) => intoTable(target, 't')),
      retry: { times: 5, backoff: 0 },
    })
    const error = await failsWith(copy(options()))
    const fault = faultOf(error.cause as ReceiverFault<Receiver>, 'target1')
    assert.deepEqual([fault.code, fault.sqlState, fault.phase], ['COPY_SERVER', '53100', 'copy'])
    assert.equal(error.retryable, false)
    await fleet.assertEmpty('t')

    const { receivers, rows } = await copy({ ...options(), onFault: 'isolate' })
    assert.deepEqual(
      receivers.map(({ state, retries, fault }) => [state, retries, fault?.sqlState]),
      [
        ['dropped', 0, '53100'],
        ['committed', 0, undefined],
        ['committed', 0, undefined],
      ],
    )
    assert.equal(rows, ROWS)
    await assertSame([fleet.source, second, third], 't')
    await assertRows([full], 't', 0)
  },
)
