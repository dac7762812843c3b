import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { WorkerPool } from '../../src/index.js'
import { runScripted } from '../support/scripted-copy.js'
import type { Script } from '../support/scripted-server.js'

const pool = new WorkerPool({ threads: 2 })
after(() => pool.close())

/** First words of what an end is asked by simple queries, in order. */
const asked = (): { script: Script; words: string[] } => {
  const words: string[] = []
  const script: Script = ({ type, sql }, byItself) => {
    if (type === 'Q') words.push(sql?.split(/[ ;]/)[0] ?? '')
    return byItself()
  }
  return { script, words }
}

test('a copy asks a source one query before its COPY, and a target two besides COPY and COMMIT', async () => {
  const [source, target] = [asked(), asked()]
  await runScripted(
    { pool, source: { script: source.script }, target: { script: target.script } },
    ({ error, result }) => {
      assert.equal(error, undefined)
      assert.ok(result)
    },
  )
  // the source's COPY goes by the extended protocol
  assert.deepEqual(source.words, ['BEGIN'])
  assert.deepEqual(target.words, ['BEGIN', 'COPY', 'SET', 'COMMIT'])
})
