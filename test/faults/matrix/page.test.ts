import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { CONNECTING } from './connecting.js'
import { LIVING } from './living.js'
import { LOADING } from './loading.js'

const PAGE = new URL('../../../../docs/faults.md', import.meta.url)
const TESTS = new URL('../../../../test/', import.meta.url)
const ROWS = 27

test('docs/faults.md has rows 1 to 27, each with the name of a test', async () => {
  const page = await readFile(PAGE, 'utf8')
  const rows = page
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, number]) => /^\d+$/.test(number ?? ''))
  assert.deepEqual(
    rows.map(([, number]) => Number(number)),
    Array.from({ length: ROWS }, (_, i) => i + 1),
  )
  const paths = (await readdir(TESTS, { recursive: true })).filter((path) => path.endsWith('.ts'))
  const sources = (await Promise.all(paths.map((path) => readFile(new URL(path, TESTS), 'utf8')))).join('\n')
  // of those that no source has as they are: their names are put together
  const made = [...CONNECTING, ...LOADING, ...LIVING].map(({ row, what }) => `row ${row}: ${what}`)
  for (const cells of rows) {
    const name = cells.at(-2) as string
    const [, number, text] = /^row (\d+): (.*)$/.exec(name) ?? []
    assert.equal(number, cells[1], name)
    const isMade = made.includes(name) || sources.includes(`what: '${text}'`)
    const isPattern = number === '10' && /row 10: \S+ where three rows came/.test(sources)
    assert.ok(isMade || isPattern || sources.includes(name), `no test is called ${name}`)
  }
})
