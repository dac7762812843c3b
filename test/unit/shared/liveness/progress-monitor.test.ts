import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProgressMonitor } from '../../../../src/shared/liveness/progress-monitor.js'
import type { Slowness, WaitDiagnosis } from '../../../../src/shared/liveness/slowness.js'
import { soon } from '../../../support/soon.js'

const SLOW_MS = 40
const PROCESS: WaitDiagnosis = {
  backend: { processId: 7, state: 'active', waitEventType: null, waitEvent: null, blockedBy: [] },
}

/** A monitor, its reports, and work that ends when the test says so. */
const watching = (
  diagnose: () => Promise<WaitDiagnosis | 'gone' | undefined> | undefined = () => undefined,
) => {
  const reports: Slowness[] = []
  let enough = 0
  let onReports: () => void = () => undefined
  const watch = new ProgressMonitor(SLOW_MS, diagnose, (slowness) => {
    reports.push(slowness)
    if (reports.length === enough) onReports()
  })
  let end: () => void = () => undefined
  const work = new Promise<void>((resolve) => {
    end = resolve
  })
  const times = (count: number): Promise<void> => {
    enough = count
    return soon(
      new Promise((resolve) => {
        onReports = resolve
        if (reports.length >= count) resolve()
      }),
      `there are ${count} reports`,
    )
  }
  return { watch, reports, work, end, times }
}

test('work that makes no progress is reported at doubling intervals, with its diagnosis, until it ends', async () => {
  const { watch, reports, work, end, times } = watching(async () => PROCESS)
  const during = watch.during(() => ({ phase: 'start' }), work)
  await times(4)
  for (const [i, { seconds, ...rest }] of reports.entries()) {
    assert.deepEqual(rest, { type: 'slow', phase: 'start', ...PROCESS })
    assert.ok(seconds * 1000 >= SLOW_MS * 2 ** i, `${seconds} s at the ${i + 1}th time`)
  }
  end()
  await during
  const count = reports.length
  await sleep(20 * SLOW_MS)
  assert.equal(reports.length, count)
})

test('work that makes progress, or owes none, is not reported; work that stands still again is, from its last progress', async () => {
  const { watch, reports, work, end, times } = watching()
  let mark: number | undefined = 0
  const moving = setInterval(() => {
    if (mark !== undefined) mark += 1
  }, SLOW_MS / 20)
  const during = watch.during(() => (mark === undefined ? undefined : { phase: 'copy', mark }), work)
  await sleep(5 * SLOW_MS)
  clearInterval(moving)
  mark = undefined
  await sleep(5 * SLOW_MS)
  // a machine that stood still itself may have made the moving one slow
  const before = reports.length
  mark = 0
  const stands = performance.now()
  await times(before + 1)
  // what was before its last progress is not counted
  const elapsed = performance.now() - stands
  assert.ok((reports[before]?.seconds as number) * 1000 <= elapsed, `${reports[before]?.seconds} s`)
  end()
  await during
})

test('an end that is gone, or no longer watched, is not reported; one that cannot be asked about is', async () => {
  const gone = watching(async () => 'gone' as const)
  const stopped = watching()
  const failing = watching(() => Promise.reject(new Error('nobody there')))
  const during = [gone, stopped, failing].map(({ watch, work }) =>
    watch.during(() => ({ phase: 'copy' }), work),
  )
  stopped.watch.stop()
  await failing.times(1)
  assert.equal(failing.reports[0]?.unasked, 'nobody there')
  await sleep(5 * SLOW_MS)
  assert.deepEqual([gone.reports, stopped.reports], [[], []])
  for (const { end } of [gone, stopped, failing]) end()
  await Promise.all(during)
})
