import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after } from 'node:test'
import { promisify } from 'node:util'
import { createGzip, gunzipSync } from 'node:zlib'
import {
  CallReceiver,
  CopyError,
  CopyFailed,
  CopyManager,
  copy,
  IteratorProducer,
  ReceiverFault,
  StreamReceiver,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { soon } from '../support/soon.js'
import { intoTable, iterate, story, until } from '../support/story.js'

const fleet = await startFleet(1)
const { source } = fleet
const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
after(() => rm(folder, { recursive: true }))
await fleet.everywhere('CREATE TABLE t (i int, s text)')
await source.query(`INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 50000) AS i`)
const from = {
  connection: source.connection,
  statement: 'COPY (SELECT * FROM t ORDER BY i) TO STDOUT (FORMAT csv)',
}
const expected = (
  await source.query<{ line: string }>(`SELECT i || ',' || s || E'\\n' AS line FROM t ORDER BY i`)
)
  .map(({ line }) => line)
  .join('')
const SMALL = { slots: 2, slotBytes: 4096 }
const listeners = (stream: Writable): number =>
  stream.eventNames().reduce((sum, name) => sum + stream.listenerCount(name), 0)

/** A stream that keeps what it is given, `late` after it was given, and then does as `took` says. */
const collector = (
  late = 0,
  took: (stream: Writable) => void = () => undefined,
): { stream: Writable; text: () => string; most: () => number } => {
  const chunks: Buffer[] = []
  let most = 0
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      most = Math.max(most, stream.writableLength)
      chunks.push(chunk)
      took(stream)
      if (late > 0) setTimeout(done, late)
      else done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString(), most: () => most }
}

story('a file, a compressor and a server get the same rows, and the streams have finished', async () => {
  const file = createWriteStream(join(folder, 'plain.csv'))
  const gzip = createGzip()
  const written = pipeline(gzip, createWriteStream(join(folder, 'packed.csv.gz')))
  const server = intoTable(fleet.targets[0] as never, 't', { statement: 'COPY t FROM STDIN (FORMAT csv)' })
  const { receivers, bytes } = await copy({ from, to: [file, gzip, server], ring: SMALL })
  await soon(written, 'gzip ends')
  assert.deepEqual(
    receivers.map(({ name, state, rows }) => [name, state, rows]),
    [
      ['receiver 1', 'committed', undefined],
      ['receiver 2', 'committed', undefined],
      ['target1', 'committed', 50_000],
    ],
  )
  assert.ok(file.writableFinished)
  const plain = await readFile(join(folder, 'plain.csv'), 'utf8')
  assert.ok(plain === expected, 'the file differs')
  assert.ok(gunzipSync(await readFile(join(folder, 'packed.csv.gz'))).toString() === expected, 'gzip differs')
  assert.equal(bytes, Buffer.byteLength(expected))
  await fleet.assertEqual('t')
})

story('a web stream is written to and closed', async () => {
  const chunks: Uint8Array[] = []
  let isClosed = false
  const stream = new WritableStream<Uint8Array>({
    write: (chunk) => void chunks.push(chunk),
    close: () => {
      isClosed = true
    },
  })
  await copy({ from, to: [stream], ring: SMALL })
  assert.ok(Buffer.concat(chunks).toString() === expected)
  assert.ok(isClosed)
})

story('bytes that a stream keeps stay unchanged when the ring is used again', async () => {
  const through = new PassThrough()
  const chunks: Buffer[] = []
  const collected = (async () => {
    // asked for late: the ring has gone round by then
    for await (const chunk of through) {
      await new Promise(setImmediate)
      chunks.push(chunk)
    }
  })()
  await copy({ from, to: [through], ring: SMALL })
  await collected
  assert.ok(Buffer.concat(chunks).toString() === expected)
})

story('a slow stream holds the copy back, with one slice at most in its buffer', async () => {
  const { stream, text, most } = collector(1)
  let produced = 0
  const rows = function* () {
    for (let i = 0; i < 200; i++) {
      produced += 1
      yield ['x'.repeat(1023).concat('\n')]
    }
  }
  const behind: number[] = []
  const manager = new CopyManager(new IteratorProducer(rows()), [new StreamReceiver(stream)], { ring: SMALL })
  await iterate(manager, { cycle: () => behind.push(produced * 1024 - text().length) })
  assert.equal(text().length, 200 * 1024)
  assert.ok(most() <= SMALL.slotBytes, `${most()} bytes were in its buffer`)
  assert.ok(Math.max(...behind) <= 4 * SMALL.slotBytes, `the source was ${Math.max(...behind)} bytes ahead`)
})

story(
  'a stream that fails is a fault of its own with its cause; the others go on, and it keeps no listener',
  async () => {
    const boom = new Error('no space left')
    let bytes = 0
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        done(bytes > 100_000 ? boom : null)
      },
    })
    const before = listeners(stream)
    const other = collector()
    const { receivers } = await copy({ from, to: [stream, other.stream], onFault: 'isolate', ring: SMALL })
    assert.deepEqual(
      receivers.map(({ state }) => state),
      ['dropped', 'committed'],
    )
    const fault = receivers[0]?.fault as CopyError
    assert.equal(fault.code, 'COPY_CALLABLE')
    assert.equal(fault.phase, 'copy')
    assert.equal(fault.cause, boom)
    assert.equal(fault.message, 'the stream failed: no space left')
    assert.ok(other.text() === expected)
    await until(() => listeners(stream) === before, 'its listeners are gone')
  },
)

story('a stream that cannot finish is a fault, and under abort nothing is loaded anywhere', async () => {
  await fleet.targets[0]?.query('TRUNCATE t')
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(),
    final: (done) => done(new Error('no room for the last block')),
  })
  const server = intoTable(fleet.targets[0] as never, 't', { statement: 'COPY t FROM STDIN (FORMAT csv)' })
  await assert.rejects(copy({ from, to: [stream, server] }), (error: CopyFailed) => {
    assert.ok(error instanceof CopyFailed && error.cause instanceof ReceiverFault)
    const [fault] = error.cause.faults.values()
    assert.deepEqual([fault?.code, fault?.phase], ['COPY_COMMIT', 'commit'])
    assert.match(error.message, /no room for the last block/)
    return true
  })
  await fleet.assertEmpty('t')
})

story('a stream that others close or end, or that was destroyed before the copy, is a fault', async () => {
  const closed = collector(1, (stream) => stream.destroy()).stream
  const ended = collector(1, (stream) => stream.end()).stream
  const dead = collector().stream
  dead.destroy()
  const given = collector().stream
  for (const [stream, message] of [
    [closed, /Premature close/],
    [ended, /write after end/],
    [dead, /was ended or destroyed already/],
  ] as const) {
    const { receivers } = await soon(
      copy({ from, to: [stream, collector().stream], onFault: 'isolate', ring: SMALL }),
      String(message),
    )
    assert.match(String(receivers[0]?.fault?.message), message)
    assert.equal(receivers[1]?.state, 'committed')
  }
  await assert.rejects(copy({ from, to: [given, given], ring: SMALL }), /in use by a copy already/)
})

story(
  'the stream of a copy that fails is destroyed and not ended: after its last row, and before its first',
  async () => {
    const streams = [collector(), collector()].map(({ stream }) => stream) as [Writable, Writable]
    for (const [stream, source] of [
      [streams[0], from],
      [streams[1], { ...from, statement: 'COPY missing TO STDOUT' }],
    ] as const) {
      const errors: unknown[] = []
      stream.on('error', (error) => errors.push(error))
      const failing = intoTable(fleet.targets[0] as never, 't', {
        statement: 'COPY t FROM STDIN (FORMAT csv)',
        after: ['SELECT 1/0'],
      })
      await assert.rejects(copy({ from: source, to: [stream, failing] }), CopyFailed)
      assert.ok(stream.destroyed && !stream.writableEnded)
      await until(() => errors.length > 0, 'the stream tells why')
      assert.equal((errors[0] as CopyError).code, 'COPY_ABORTED')
    }
  },
)

story('the streams of a copy that could not open are destroyed, so that no file stays open', async () => {
  const file = createWriteStream(join(folder, 'never.csv'))
  const reasons: unknown[] = []
  const web = new WritableStream({ abort: (reason) => void reasons.push(reason) })
  const from = { connection: 'postgres://nobody@127.0.0.1:1/none', statement: 'COPY t TO STDOUT' }
  const producer = { name: 'broken', canRepeat: false, open: () => Promise.reject(new Error('not today')) }
  await assert.rejects(
    copy({ from: { ...producer, produce: async () => ({}) }, to: [file, web] }),
    CopyFailed,
  )
  await until(() => file.closed, 'the file is closed')
  assert.equal((reasons[0] as CopyError).code, 'COPY_ABORTED')
  const unborn = collector().stream
  await assert.rejects(copy({ from, to: [unborn] }), CopyFailed)
  assert.ok(unborn.destroyed)
})

story('an aborted copy aborts the web stream with the reason why', async () => {
  const controller = new AbortController()
  let reason: unknown
  const stream = new WritableStream({
    write: () => controller.abort(new Error('enough')),
    abort: (why) => {
      reason = why
    },
  })
  await assert.rejects(copy({ from, to: [stream], ring: SMALL, signal: controller.signal }), {
    code: 'COPY_ABORTED',
  })
  await until(() => reason !== undefined, 'the stream is told')
  assert.ok(reason instanceof CopyError && reason.code === 'COPY_ABORTED')
})

story(
  'a function that makes the stream lets it be reconciled from the start; a stream does not',
  async () => {
    const made: ReturnType<typeof collector>[] = []
    const fresh = new StreamReceiver(
      () => {
        const next = collector(0, (stream) => {
          if (made.length === 1) stream.destroy(new Error('lost'))
        })
        made.push(next)
        return next.stream
      },
      { name: 'fresh' },
    )
    await copy({
      from,
      to: [fresh],
      ring: SMALL,
      onFault: (fault, manager) =>
        manager.reconcile([...fault.faults.keys()][0] as StreamReceiver, { from: 'start' }),
    })
    assert.equal(made.length, 2)
    assert.ok(made[1]?.text() === expected)
    const once = new StreamReceiver(collector().stream)
    assert.equal(once.canRestart, false)
  },
)

story('stdout is written to and left open', async () => {
  const program = `
    import { copy } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)}
    const before = process.stdout.eventNames().length
    await copy({ from: [['one\\n', 'two\\n']], to: [process.stdout] })
    await new Promise(setImmediate)
    console.log(process.stdout.eventNames().length - before, 'listeners more')`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  assert.equal(stdout, 'one\ntwo\n0 listeners more\n')
})

story('what is no stream is refused', () => {
  assert.throws(() => new StreamReceiver({} as never), { code: 'COPY_OPTION' })
  assert.throws(() => new StreamReceiver(Readable.from([]) as never), { code: 'COPY_OPTION' })
})

story('sources: a file, a web stream, what pipeline and for await make, each to a stream', async () => {
  const path = join(folder, 'plain.csv')
  const lines = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) yield chunk
  }
  const through = new PassThrough()
  const piped = pipeline(createReadStream(path), lines, through)
  const sources = [
    createReadStream(path),
    Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>,
    through,
    lines(createReadStream(path)),
    new Blob([await readFile(path)]).stream() as ReadableStream<Uint8Array>,
  ]
  for (const [i, source] of sources.entries()) {
    const { stream, text } = collector()
    await copy({ from: source, to: [stream, new CallReceiver(() => undefined)], ring: SMALL })
    assert.ok(text() === expected, `source ${i} differs`)
  }
  await piped
})
