import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { copyman, pgCopyStreams } from '../../bench/contenders.js'
import { ownPair } from '../../bench/null/pair.js'

const pair = await ownPair(2)
after(() => pair.stop())

for (const contender of [copyman, pgCopyStreams]) {
  test(`${contender.name} does the job between null ends, and its time, CPU and memory are measured`, async () => {
    const { wall, cpu, peakMib, elapsed, others } = await contender.run(pair.job(100, 4, 2))
    assert.ok(wall > 0 && wall < 60, `${wall}`)
    assert.ok(cpu > 0, `${cpu}`)
    assert.ok(elapsed > wall, `${elapsed}`)
    // the kernel counts the machine's CPU time in hundredths of a second
    assert.ok(process.platform !== 'linux' || others > -0.1, `${others}`)
    assert.ok(process.platform !== 'linux' || peakMib > 10, `${peakMib}`)
  })
}

test('a contender that fails is an error, not a figure', async () => {
  const job = pair.job(100, 4, 1)
  const broken = { ...job, from: { ...job.from, connection: 'postgres://null@127.0.0.1:1/null' } }
  await assert.rejects(copyman.run(broken), /ended with 1.*ECONNREFUSED/s)
})
