import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { mock } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { copy } from '../../src/index.js'
import { checkConnection } from '../../src/main/conninfo/conninfo.js'
import { CopyOutIntake } from '../../src/main/producers/statement/copy-out-intake.js'
import type { RingSlice } from '../../src/shared/ring/slice-reader.js'
import { StatementTarget } from '../../src/workers/targets/statement-target.js'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'
import { copyData } from '../support/wire.js'

// What makes a copy cheap, and what no comparison of rows would notice if it were lost.
const fleet = await startFleet(1)
const target = fleet.targets[0] as Server
await fleet.everywhere('CREATE TABLE t (i int, s text)')
await fleet.source.query(
  `INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 20000) AS i`,
)

story("a source's bytes are read into the ring by the kernel, and never copied in Node", async (s) => {
  let landed = 0
  let copied = 0
  const { landed: land, chunk } = CopyOutIntake.prototype
  s.defer(() => mock.restoreAll())
  mock.method(CopyOutIntake.prototype, 'landed', function (this: CopyOutIntake, view: Uint8Array, n: number) {
    if (view.buffer instanceof SharedArrayBuffer) landed += n
    return land.call(this, view, n)
  })
  mock.method(CopyOutIntake.prototype, 'chunk', function (this: CopyOutIntake, bytes: Buffer) {
    copied += bytes.length
    return chunk.call(this, bytes)
  })
  const { bytes } = await copy({
    from: { connection: fleet.source.connection, statement: 'COPY t TO STDOUT' },
    to: [() => undefined],
  })
  // of the rows, only what came with the answer that begins them
  assert.ok(landed + copied > bytes)
  assert.ok(copied < 70_000, `${copied} of ${landed + copied} bytes were copied`)
})

story(
  'header and payload of a slice go to a target in one write of its own memory, which says when it has left',
  async (s) => {
    const connection = await checkConnection(target.connection, 'to').resolve()
    const plan = { connection, statement: 'COPY t FROM STDIN', before: [], after: [], settings: {} }
    const to = new StatementTarget(
      { kind: 'statement', ...plan, connectMs: 10_000, startMs: 10_000, finishMs: 0 },
      () => undefined,
    )
    s.defer(() => to.close(1000))
    await to.open()
    const row = copyData('1\tone\n')
    const frame = new Uint8Array(new SharedArrayBuffer(row.length))
    frame.set(row)
    const slice: RingSlice = {
      sequence: 0,
      frame,
      bytes: row.length - 5,
      rows: 1,
      continues: false,
      continued: false,
    }
    s.defer(() => mock.restoreAll())
    const write = mock.method(Socket.prototype, 'write')
    let sent = false
    const left = new Promise<void>((resolve) =>
      to.send(slice, () => {
        sent = true
        resolve()
      }),
    )
    assert.equal(sent, false, 'said to have left before the write could call back')
    const writes = write.mock.calls.filter((call) => call.arguments[0] instanceof Uint8Array)
    assert.equal(writes.length, 1)
    assert.equal(writes[0]?.arguments[0], frame)
    await left
    mock.restoreAll()
    await to.complete()
    await to.commit()
    assert.deepEqual(await target.query('SELECT i, s FROM t'), [{ i: 1, s: 'one' }])
  },
)
