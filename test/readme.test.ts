import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { startFleet } from './support/fleet.js'
import { makeEvents, runSample, samplesOf } from './support/samples.js'
import { story } from './support/story.js'

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
const fleet = await startFleet(2)
const csv = await makeEvents(fleet)
const { programs } = samplesOf(readme)

story('the README has samples and its first screen shows the two commands', () => {
  assert.ok(programs.length >= 3)
  const firstScreen = readme.split('\n').slice(0, 30).join('\n')
  assert.match(firstScreen, /npm ci && npm run demo/)
  assert.match(firstScreen, /npm ci && npm test/)
})

for (const [i, { text }] of programs.entries()) {
  story(`sample ${i + 1} of the README runs and loads both targets`, async () => {
    await fleet.onTargets('TRUNCATE events')
    const { output } = await runSample(text, fleet, { 'events.csv': csv })
    assert.doesNotMatch(output, /going on without/)
    const loaded = await Promise.all(
      fleet.targets.map((target) => target.query('SELECT count(*)::int AS rows FROM events')),
    )
    // the second sample loads one server and a function
    assert.deepEqual(loaded[0], [{ rows: 1000 }])
    if (text.includes('db3')) assert.deepEqual(loaded[1], [{ rows: 1000 }])
  })
}
