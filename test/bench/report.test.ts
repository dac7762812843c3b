import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTurn } from '../../bench/measure/in-turn.js'
import { median, pairedRatio, spreadOf } from '../../bench/measure/statistics.js'
import { benchOptions } from '../../bench/options.js'
import { drawChart } from '../../bench/report/charts.js'
import { resultsText } from '../../bench/report/markdown.js'
import { atLeast, atMost } from '../../bench/report/section.js'

test('the median of an even number of values lies between the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([9, 1, 5, 3]), 4)
  assert.throws(() => median([]), RangeError)
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, greatest: 3 })
})

test('ratios are taken of values that were measured next to each other', () => {
  assert.deepEqual(pairedRatio([2, 9, 4], [1, 3, 4]), { median: 2, least: 1, greatest: 3 })
})

test('contenders run in turn, each round begins with another contender, and the first round does not count', async () => {
  const order: string[] = []
  const run = (name: string) => async () => {
    order.push(name)
    return { wall: order.length, cpu: 0, peakMib: 0, elapsed: 0, others: 0 }
  }
  const samples = await inTurn({ a: run('a'), b: run('b') }, 2)
  assert.deepEqual(order, ['b', 'a', 'a', 'b', 'b', 'a'])
  assert.deepEqual(
    samples.a.map(({ wall }) => wall),
    [3, 6],
  )
})

test('a contender that fails ends the measurement with its error', async () => {
  const failing = { a: () => Promise.reject(new Error('no rows')) }
  await assert.rejects(inTurn(failing, 1), /no rows/)
})

test('a bar that was not measured is not held', () => {
  assert.equal(atMost('x', 1, Number.NaN, ' s').isHeld, false)
  assert.equal(atLeast('x', 1, Number.NaN, ' s').isHeld, false)
  assert.equal(atMost('x', 1, 1, ' s').isHeld, true)
  assert.equal(atLeast('x', 2, 1.9, ' s').isHeld, false)
})

test('the page of results ends with the table of bars', () => {
  const page = resultsText(['2 cores'], 'npm run bench', [
    {
      title: 'Part',
      text: 'Said.',
      tables: [{ head: ['a', 'b'], rows: [['1', '2']] }],
      charts: [],
      bars: [atMost('x', 1, 2, ' s')],
    },
  ])
  assert.ok(page.endsWith('| x | ≤ 1 s | 2.00 s | **no** |\n'), page)
  assert.match(page, /\| a \| b \|\n\| --- \| --: \|\n\| 1 \| 2 \|/)
})

test('a chart is an SVG with a name for each line, and keeps nothing alive', () => {
  const svg = drawChart({
    name: 'c',
    title: 'Title',
    yAxis: 'MiB/s',
    lines: [
      { name: 'first', points: [[1, 5]] },
      { name: 'second', points: [[2, 7]] },
    ],
  })
  assert.match(svg, /^<svg /)
  for (const text of ['Title', 'first', 'second']) assert.ok(svg.includes(text), text)
})

test('illegal options are refused, and the error names them', () => {
  const sections = ['ring', 'real']
  assert.deepEqual(benchOptions([], sections), { rounds: 5, mib: 2048, only: sections })
  assert.throws(
    () => benchOptions(['--rounds', '0'], sections),
    /--rounds must be a whole number from 1, not 0/,
  )
  assert.throws(() => benchOptions(['--only', 'rings'], sections), /no section rings; they are ring, real/)
  assert.throws(() => benchOptions(['--floor', 'x'], sections), /--null-server/)
})
