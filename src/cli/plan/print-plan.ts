import type { Output } from '../shell/output.js'
import { bytes, count } from '../text/figures.js'
import { printable } from '../text/printable.js'
import type { CopyPlan } from './plan.js'

/** Prints the plan of a copy. */
export const printPlan = (plan: CopyPlan, output: Output): void => {
  const { request, targets, sourceStatement, format, why, estimate } = plan
  const from = request.source.kind === 'file' ? request.source.path : (sourceStatement as string)
  if (request.json) {
    const to = targets.map((target) =>
      target.kind === 'file'
        ? { name: target.name, file: target.path }
        : { name: target.name, before: target.before, statement: target.statement, after: target.after },
    )
    output.json({ type: 'plan', format, why, from, estimate, to })
    return
  }
  const { rows } = estimate
  const size = [
    ...(rows > 0 ? [`about ${count(rows)} rows`] : []),
    ...(estimate.bytes > 0 ? [bytes(estimate.bytes)] : []),
  ]
  output.result(`Would read ${printable(from)}${size.length > 0 ? `: ${size.join(', ')}` : ''}`)
  output.result(`Would send ${format}, since ${printable(why)}`)
  for (const target of targets) {
    if (target.kind === 'file') {
      output.result(`Would write ${printable(target.path)}`)
      continue
    }
    output.result(`Would load ${printable(target.name)}, in one transaction:`)
    for (const sql of [...target.before, target.statement, ...target.after])
      output.result(`  ${printable(sql)};`)
  }
  const fault = request.onFault === 'abort' ? 'nothing is loaded anywhere' : 'the others go on'
  output.result(`If one fails, ${fault}. Nothing was changed.`)
}
