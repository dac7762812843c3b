import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import {
  CallReceiver,
  CopyAborted,
  CopyFailed,
  CopyManager,
  copy,
  fromRows,
  IteratorProducer,
  type IteratorSource,
  NullReceiver,
  ProducerFault,
  WorkerPool,
} from '../../../../../src/index.js'
import { countRemains } from '../../../../support/remains.js'
import { soon } from '../../../../support/soon.js'
import { until } from '../../../../support/story.js'

const DEADLINES = { abort: 60_000 }

/** A source that gives one row and falls silent, and whether it was cancelled. */
interface Silent {
  readonly source: IteratorSource
  readonly isLeft: () => boolean
}

const silentReadable = (): Silent => {
  const source = new Readable({ read: () => undefined })
  source.push('1\n')
  return {
    source,
    isLeft: () => source.destroyed,
  }
}

const silentWebStream = (): Silent => {
  let cancelled = false
  const source = new ReadableStream<string>({
    start: (controller) => controller.enqueue('1\n'),
    cancel: () => {
      cancelled = true
    },
  })
  return { source: source as AsyncIterable<string>, isLeft: () => cancelled && !source.locked }
}

/** Waits for its user, not for ever: return() takes effect only between two rows. */
const slowGenerator = (): Silent => {
  let isLeft = false
  const source = async function* () {
    try {
      for (;;) {
        yield '1\n'
        await new Promise(setImmediate)
      }
    } finally {
      isLeft = true
    }
  }
  return { source: source(), isLeft: () => isLeft }
}

const iteratorWithReturn = (): Silent => {
  let isLeft = false
  const source = {
    [Symbol.asyncIterator]: () => source,
    next: () => new Promise<never>(() => undefined),
    async return() {
      isLeft = true
      return { done: true as const, value: undefined }
    },
  }
  return { source, isLeft: () => isLeft }
}

const silentRows = (): Silent => {
  const source = new Readable({ objectMode: true, read: () => undefined })
  source.push([1])
  return { source: fromRows(source), isLeft: () => source.destroyed }
}

const SOURCES = {
  'a silent Readable': silentReadable,
  'a silent Readable that a function gives': () => {
    const { source, isLeft } = silentReadable()
    return { source: () => source as Readable, isLeft }
  },
  'a silent web stream': silentWebStream,
  'an async generator': slowGenerator,
  'a silent iterator': iteratorWithReturn,
  'a silent Readable of rows': silentRows,
}

/** Ways to abort a copy. Each returns when the copy is over. */
const WAYS: Record<string, (source: IteratorSource) => Promise<void>> = {
  async 'by its signal'(source) {
    const controller = new AbortController()
    const manager = new CopyManager(new IteratorProducer(source), [new NullReceiver()], {
      signal: controller.signal,
      deadlines: DEADLINES,
    })
    await manager.open()
    const turns = (async () => {
      for await (const _ of manager);
    })()
    setImmediate(() => controller.abort())
    await assert.rejects(turns, CopyAborted)
  },
  async 'by close()'(source) {
    const manager = new CopyManager(new IteratorProducer(source), [new NullReceiver()], {
      deadlines: DEADLINES,
    })
    await manager.open()
    await assert.rejects(manager.close(), CopyAborted)
  },
  async 'when a receiver fails'(source) {
    // one has its fault without a row
    const bad = new CallReceiver('file:///no/such/module.js')
    await assert.rejects(
      copy({ from: source, to: [new NullReceiver(), bad], deadlines: DEADLINES }),
      CopyFailed,
    )
  },
}

for (const [what, make] of Object.entries(SOURCES)) {
  for (const [how, abortCopy] of Object.entries(WAYS)) {
    test(`${what} is cancelled when the copy is aborted ${how}`, async () => {
      const remains = countRemains()
      const { source, isLeft } = make()
      await soon(abortCopy(source), 'the end of the copy')
      await until(isLeft, `${what} is let go of`)
      await remains.assertNoneLeft()
    })
  }
}

for (const make of [silentReadable, silentWebStream, iteratorWithReturn, silentRows]) {
  test(`a source that was not read yet is cancelled: ${make.name}`, async () => {
    const { source, isLeft } = make()
    await assert.rejects(
      copy({ from: source, to: [new NullReceiver()], signal: AbortSignal.abort() }),
      CopyAborted,
    )
    await until(isLeft, 'it is let go of')
  })
}

test('what a function returns after the copy was aborted is cancelled', async () => {
  const { source, isLeft } = silentReadable()
  let give: () => void = () => undefined
  const given = new Promise<Readable>((resolve) => {
    give = () => resolve(source as Readable)
  })
  const controller = new AbortController()
  const copying = copy({ from: () => given, to: [new NullReceiver()], signal: controller.signal })
  setTimeout(() => controller.abort(), 50)
  await soon(assert.rejects(copying, CopyAborted), 'the end of the copy')
  give()
  await until(isLeft, 'it is let go of')
})

test("a stream's own error is the producer's fault, in mid-copy and before it is read", async () => {
  const boom = new Error('boom')
  const isBoom = (error: unknown): boolean =>
    error instanceof CopyFailed && error.cause instanceof ProducerFault && causes(error).includes(boom)
  const readable = silentReadable().source as Readable
  setTimeout(() => readable.destroy(boom), 50)
  await assert.rejects(copy({ from: readable, to: [new NullReceiver()] }), isBoom)

  const web = new ReadableStream<string>({
    start: (controller) => void setTimeout(() => controller.error(boom), 50),
  })
  await assert.rejects(copy({ from: web as AsyncIterable<string>, to: [new NullReceiver()] }), isBoom)

  // the copy waits for its thread while the file turns out to be missing
  await using pool = new WorkerPool({ threads: 1 })
  const holder = new CopyManager(new IteratorProducer(silentReadable().source), [new NullReceiver()], {
    pool,
  })
  await holder.open()
  const missing = createReadStream('/no/such/file')
  const copying = copy({ from: missing, to: [new NullReceiver()], pool })
  copying.catch(() => undefined)
  await until(() => missing.closed, 'the stream has failed')
  await assert.rejects(holder.close(), CopyAborted)
  await assert.rejects(
    copying,
    (error: unknown) => error instanceof CopyFailed && /ENOENT/.test(error.message),
  )
})

test("a server's request as the source: when the copy fails, the client can still be answered", async () => {
  const server = createServer(async (from: IncomingMessage, response) => {
    const boom = () => {
      throw new Error('boom')
    }
    await copy({ from, to: [boom] }).catch(() => undefined)
    response.writeHead(500).end()
  }).listen(0, '127.0.0.1')
  try {
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const status = new Promise<number | undefined>((resolve, reject) => {
      const client = request({ port, host: '127.0.0.1', method: 'POST' }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      client.on('error', reject)
      // and falls silent
      client.write('1\n')
    })
    assert.equal(await soon(status, 'the answer'), 500)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

const causes = (error: unknown): unknown[] =>
  error instanceof Error ? [error, ...causes(error.cause)] : [error]
