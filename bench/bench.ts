// The benchmark: `npm run bench`. options.ts has its options. It prints the results, and with --out writes them as well.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findPeers } from './contenders.js'
import { machine } from './measure/machine.js'
import { type BenchOptions, benchOptions, USAGE } from './options.js'
import { drawChart } from './report/charts.js'
import { barsTable, resultsText, sectionText } from './report/markdown.js'
import type { Section } from './report/section.js'
import { engineSection } from './sections/engine.js'
import { jobsSection } from './sections/jobs.js'
import { kernelSection } from './sections/kernel.js'
import { realSection } from './sections/real.js'
import { ringSection } from './sections/ring.js'

const SECTIONS = ['ring', 'kernel', 'jobs', 'engine', 'real'] as const

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(USAGE)
  process.exit()
}
const parseOptions = (): BenchOptions => {
  try {
    return benchOptions(args, SECTIONS)
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${USAGE}`)
    return process.exit(2)
  }
}
const options = parseOptions()
const { found, absent } = await findPeers()
const runs: Record<(typeof SECTIONS)[number], () => Promise<Section>> = {
  ring: ringSection,
  kernel: kernelSection,
  jobs: () => jobsSection(options),
  engine: () => engineSection(options, found, absent),
  real: () => realSection(options, found),
}

// before all sections: the measured commit is the commit at the start
const about = machine()
console.log(about.join('\n'))
const sections: Section[] = []
for (const name of SECTIONS) {
  if (!options.only.includes(name)) continue
  const section = await runs[name]()
  console.log(`\n${sectionText(section)}`)
  sections.push(section)
}
console.log(`\n## The bars\n\n${barsTable(sections.flatMap(({ bars }) => bars))}`)

if (options.out !== undefined) {
  const charts = join(options.out, 'charts')
  await mkdir(charts, { recursive: true })
  // without the folders of this machine
  const command = ['npm run bench --', ...args.map((arg) => arg.replace(/^.*\//, ''))].join(' ')
  await writeFile(join(options.out, 'RESULTS.md'), resultsText(about, command, sections))
  for (const chart of sections.flatMap((section) => section.charts))
    await writeFile(join(charts, `${chart.name}.svg`), drawChart(chart))
}
