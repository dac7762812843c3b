import { CopyAborted } from '../../index.js'
import { checkFault } from '../check/check-fault.js'
import type { CheckReport } from '../check/report/check-report.js'
import { runCheck } from '../check/run-check.js'
import type { CopyRequest } from '../request/copy-request.js'
import { usageError } from '../shell/usage.js'
import type { Estimate } from '../sql/copy-source.js'
import { checkRequest } from './check-request.js'
import { type CopyPlan, type LeftOut, planServer, sourceStatement } from './plan.js'

/**
 * Checks the source and all targets, and plans the copy into those targets that can be loaded.
 * @param file the size of the source if it is a file
 * @throws CopyError COPY_OPTION when the source is a target, or a target is given twice; COPY_CHECK when the source
 *   cannot be read; CopyAborted
 */
export const prepareChecked = async (
  request: CopyRequest,
  file: Estimate | undefined,
  signal: AbortSignal,
): Promise<CopyPlan> => {
  const report = await checkOrAbort(request, signal)
  if (report.status === 2) throw usageError(usageMessage(report))
  const fault = report.source && checkFault(report.source)
  if (fault !== undefined) throw fault
  const { format, why } = report.format
  const leftOut: LeftOut[] = []
  const targets: CopyPlan['targets'][number][] = []
  const found = report.targets.values()
  for (const target of request.targets) {
    if (target.kind === 'file') {
      targets.push(target)
      continue
    }
    const end = found.next().value as CheckReport['targets'][number]
    const fault = checkFault(end, target.name)
    if (fault === undefined) targets.push(planServer(target, request, format, end.columns))
    else leftOut.push({ name: target.name, fault })
  }
  return {
    request,
    format,
    why,
    targets,
    leftOut,
    warnings: warningsOf(report),
    sourceStatement:
      report.copiedFrom === undefined ? undefined : sourceStatement(report.copiedFrom, request, format),
    estimate: file ?? report.estimate ?? { rows: 0, bytes: 0 },
  }
}

const checkOrAbort = async (request: CopyRequest, signal: AbortSignal): Promise<CheckReport> => {
  try {
    return await runCheck(checkRequest(request, signal))
  } catch (cause) {
    if (signal.aborted) throw new CopyAborted('the check was interrupted', { cause })
    throw cause
  }
}

/** Targets that are the source or another target, found by the server's identity: one server can have several names. */
const usageMessage = ({ targets }: CheckReport): string => {
  const messages = targets.flatMap(({ name, findings }) =>
    findings.filter(({ code }) => code.startsWith('same-')).map(({ message }) => `--to ${name}: ${message}`),
  )
  return messages.join('; ')
}

const warningsOf = ({ source, targets }: CheckReport): CopyPlan['warnings'] =>
  [...(source === undefined ? [] : [source]), ...targets].flatMap(({ name, findings }) =>
    findings
      .filter(({ severity }) => severity === 'warning')
      .map(({ code, message }) => ({ name, code, message })),
  )
