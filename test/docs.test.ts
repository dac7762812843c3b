import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { startFleet } from './support/fleet.js'
import { makeEvents, runSample, samplesOf } from './support/samples.js'
import { assertSame, story } from './support/story.js'

const DOCS = new URL('../../docs/', import.meta.url)
const GUIDE = [
  'faults-and-reconcile.md',
  'files-and-streams.md',
  'guide.md',
  'observability.md',
  'production.md',
  'transactions.md',
  'tuning.md',
  'your-own-ends.md',
]
const fleet = await startFleet(2)
const csv = await makeEvents(fleet)
const files = { 'events.csv': csv, 'events.csv.gz': gzipSync(csv) }
const pages = (await readdir(DOCS)).filter((name) => name.endsWith('.md')).sort()
// before the first test: at an await between two, the servers would be stopped
const texts = new Map<string, string>()
for (const page of pages) texts.set(page, await readFile(new URL(page, DOCS), 'utf8'))
const samples = (page: string): ReturnType<typeof samplesOf> => samplesOf(texts.get(page) ?? '')

story('the pages of the guide are there, each with samples, and their links lead somewhere', async () => {
  for (const page of GUIDE) assert.ok(pages.includes(page), `${page} is missing`)
  for (const [page, text] of texts) {
    if (GUIDE.includes(page)) assert.ok(samples(page).programs.length > 0, `${page} has no sample`)
    for (const [, link = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      await assert.doesNotReject(readFile(new URL(link, DOCS)), `${page} links to ${link}`)
  }
})

const STUBS = `
const told = []
class Metric {
  constructor(config) {
    this.name = config.name
    if (config.collect) told.push(['has collect', config.name])
    Metric.all.push(Object.assign(this, { collect: config.collect }))
  }
  tell(...args) {
    told.push([this.name, ...args])
  }
  inc = this.tell
  set = this.tell
  observe = (seconds) => this.tell(seconds > 0)
  reset() {}
}
Metric.all = []
const span = Object.fromEntries(
  ['addEvent', 'setAttributes', 'setStatus', 'recordException', 'end'].map((name) => [
    name,
    (...args) => told.push([name, ...args.map((arg) => (arg instanceof Error ? arg.code : arg))]),
  ]),
)
const tracer = { startSpan: (...args) => (told.push(['startSpan', ...args]), span) }
const meter = {
  createCounter: (name) => ({ add: (...args) => told.push([name, ...args]) }),
  createHistogram: (name) => ({ record: (seconds, labels) => told.push([name, seconds >= 0, labels]) }),
}
`

/** A copy of 1000 rows into `a`, while `b` fails; `during` is done in its middle, `watch` before it. */
const watched = (watch: string, during = ''): string => `${STUBS}${watch}
import { copy } from 'copyman'
await copy({
  from: { connection: 'postgres://db1/app', statement: 'COPY events TO STDOUT' },
  to: [
    { connection: 'postgres://db2/app', statement: 'COPY events FROM STDIN', name: 'a' },
    { connection: 'postgres://db3/app', statement: 'COPY nothing FROM STDIN', name: 'b' },
    () => { ${during} },
  ],
  onFault: 'isolate',
})
for (const one of told) console.log(JSON.stringify(one))
`

const { modules } = samples('observability.md')

story('the recipe for Prometheus counts, and reads the lag when it is scraped', async () => {
  const watch = `import { watchCopies } from './prometheus.js'
watchCopies({ Counter: Metric, Gauge: Metric, Histogram: Metric })`
  const scrape = 'for (const metric of Metric.all) metric.collect?.()'
  const { stdout } = await runSample(watched(watch, scrape), fleet, Object.fromEntries(modules))
  const told = stdout.split('\n').slice(0, -1)
  const lag = told.filter((line) => line.startsWith('["copyman_lag_bytes"'))
  assert.ok(
    lag.some((line) => /"receiver":"a"},\d+\]/.test(line)),
    stdout,
  )
  assert.deepEqual(
    told.filter((line) => !lag.includes(line)),
    [
      '["has collect","copyman_lag_bytes"]',
      '["copyman_faults_total",{"receiver":"b","code":"COPY_SERVER"}]',
      '["copyman_rows_total",{"receiver":"a"},1000]',
      '["copyman_copies_total",{"end":"done"}]',
      '["copyman_seconds",true]',
    ],
  )
})

story('the recipe for OpenTelemetry makes a span of a copy, with its events', async () => {
  const watch = `import { watchCopies } from './telemetry.js'\nwatchCopies(tracer, meter)`
  const { stdout } = await runSample(watched(watch), fleet, Object.fromEntries(modules))
  const bytes = /"copyman.bytes":(\d+)/.exec(stdout)?.[1]
  const names = '"receivers":["a","b","receiver 3"]'
  assert.deepEqual(stdout.split('\n').slice(0, -1), [
    '["startSpan","copyman.copy",{"attributes":{"copyman.source":"source","copyman.receivers":["a","b","receiver 3"]}}]',
    `["addEvent","pass",{"pass":1,${names}}]`,
    '["recordException","COPY_SERVER"]',
    '["addEvent","commit",{"receiver":"a","rows":1000}]',
    '["copyman.rows",1000,{"receiver":"a"}]',
    `["setAttributes",{"copyman.end":"done","copyman.rows":1000,"copyman.bytes":${bytes}}]`,
    '["end"]',
    '["copyman.duration",true,{"end":"done"}]',
  ])
})

for (const page of pages) {
  const { programs, modules } = samples(page)
  for (const [i, { text, prints, equal }] of programs.entries()) {
    story(`sample ${i + 1} of ${page} runs and does what it says`, async () => {
      await fleet.onTargets('TRUNCATE events')
      const { stdout, output } = await runSample(text, fleet, { ...files, ...Object.fromEntries(modules) })
      if (prints !== undefined) assert.equal(stdout, prints, output)
      const servers = equal.map((number) => fleet.all[number - 1] ?? fleet.source)
      await assertSame([fleet.source, ...servers], 'events')
    })
  }
}
