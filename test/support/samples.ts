import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fleet } from './fleet.js'

const ROOT = new URL('../../../', import.meta.url)

/** One program in a document. */
export interface Sample {
  readonly text: string
  /** The expected output: the block `text` after the program, if there is one. */
  readonly prints: string | undefined
  /** The servers that must have the source's rows afterwards: those of a comment `<!-- equal: 2 3 -->` before the program. */
  readonly equal: readonly number[]
}

/** The programs of a document, and the modules that they import: blocks whose first line is `// name.js`. */
export const samplesOf = (markdown: string): { programs: Sample[]; modules: Map<string, string> } => {
  const programs: Sample[] = []
  const modules = new Map<string, string>()
  const blocks = markdown.matchAll(
    /(?:<!-- equal: ([^>]*) -->\n+)?```js\n(.*?)```\n(?:\n```text\n(.*?)```)?/gs,
  )
  for (const [, equal = '', text = '', prints] of blocks) {
    const name = /^\/\/ (\S+\.m?js)\n/.exec(text)?.[1]
    if (name !== undefined) modules.set(name, text)
    else programs.push({ text, prints, equal: (equal.match(/\d+/g) ?? []).map(Number) })
  }
  return { programs, modules }
}

/** The program, with the package under test and the servers of the fleet: db1 is the source. */
const asRunnable = (sample: string, fleet: Fleet): string => {
  const urls: Record<string, string> = {}
  fleet.all.forEach(({ url }, i) => {
    urls[`postgres://db${i + 1}/app`] = url
  })
  const known = sample
    .replaceAll("from 'pg'", `from ${JSON.stringify(import.meta.resolve('pg'))}`)
    .replaceAll("from 'copyman'", `from ${JSON.stringify(new URL('dist/src/index.js', ROOT).href)}`)
    .replaceAll(/'postgres:\/\/db\d\/app'/g, (quoted) => JSON.stringify(urls[quoted.slice(1, -1)]))
  return known.replaceAll(
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the sample's own text
    '`postgres://${host}/app`',
    `(${JSON.stringify(urls)})[\`postgres://\${host}/app\`]`,
  )
}

/**
 * Runs a program to its end, in a new folder that holds these files.
 * @returns the output; fails unless the exit status is 0
 */
export const runSample = async (
  text: string,
  fleet: Fleet,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<{ stdout: string; output: string }> => {
  const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
  try {
    for (const [name, content] of Object.entries({ ...files, 'sample.mjs': asRunnable(text, fleet) }))
      await writeFile(join(folder, name), content)
    const child = spawn(process.execPath, ['sample.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let stdout = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    const status = await new Promise((resolve) => child.once('close', resolve))
    assert.equal(status, 0, output)
    return { stdout, output }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Creates the table `events` that samples read, on all servers, with rows on the source. @returns the rows as CSV */
export const makeEvents = async (fleet: Fleet): Promise<string> => {
  await fleet.everywhere('CREATE TABLE events (id int, at timestamptz, what text)')
  await fleet.source.query(
    `INSERT INTO events SELECT i, now(), 'event ' || i FROM generate_series(1, 1000) AS i`,
  )
  const lines = await fleet.source.query<{ line: string }>(
    `SELECT format('%s,%s,%s', id, at, what) AS line FROM events`,
  )
  return lines.map(({ line }) => `${line}\n`).join('')
}
