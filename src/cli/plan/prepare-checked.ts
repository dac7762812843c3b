import { CopyAborted } from '../../index.js'
import { checkFault } from '../check/check-fault.js'
import type { CheckReport } from '../check/report/check-report.js'
import { runCheck } from '../check/run-check.js'
import type { CopyRequest, FileRequest, Format, ServerRequest } from '../request/copy-request.js'
import { usageError } from '../shell/usage.js'
import { checkRequest } from './check-request.js'
import { type CopyPlan, type Estimate, type LeftOut, planServer, sourceStatement } from './plan.js'

/**
 * Checks the source and all targets, and plans the copy of those that can be loaded.
 * @param file how large the file is that is read, if one is
 * @throws CopyError COPY_OPTION when the source is a target, or a target is given twice; COPY_CHECK when the source
 *   cannot be read; CopyAborted
 */
export const prepareChecked = async (
  request: CopyRequest,
  file: Estimate | undefined,
  signal: AbortSignal,
): Promise<CopyPlan> => {
  const report = await checked(request, signal)
  if (report.status === 2) throw usageError(usageOf(report))
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
    if (fault === undefined) targets.push(planned(target, request, format, end.columns))
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

const planned = (
  target: ServerRequest,
  request: CopyRequest,
  format: Format,
  columns: string | undefined,
): Exclude<CopyPlan['targets'][number], FileRequest> => planServer(target, request, format, columns)

const checked = async (request: CopyRequest, signal: AbortSignal): Promise<CheckReport> => {
  try {
    return await runCheck(checkRequest(request, signal))
  } catch (cause) {
    if (signal.aborted) throw new CopyAborted('the check was interrupted', { cause })
    throw cause
  }
}

/** A call that is wrong under whatever names: the same server by two of them. */
const usageOf = ({ targets }: CheckReport): string => {
  const wrongs = targets.flatMap(({ name, findings }) =>
    findings.filter(({ code }) => code.startsWith('same-')).map(({ message }) => `--to ${name}: ${message}`),
  )
  return wrongs.join('; ')
}

const warningsOf = ({ source, targets }: CheckReport): CopyPlan['warnings'] =>
  [...(source === undefined ? [] : [source]), ...targets].flatMap(({ name, findings }) =>
    findings
      .filter(({ severity }) => severity === 'warning')
      .map(({ code, message }) => ({ name, code, message })),
  )
