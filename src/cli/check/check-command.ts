import { jsonCheck } from './report/json-check.js'
import { printCheck } from './report/print-check.js'
import { type CheckRequest, runCheck } from './run-check.js'

export interface CheckCommandOptions extends CheckRequest {
  readonly json?: boolean
  /** Prints nothing when all is well. */
  readonly quiet?: boolean
  /** Takes results, for stdout. */
  readonly print: (text: string) => void
}

/**
 * `copyman check`: looks at the source and all targets, prints what it found, and changes nothing.
 * @returns the exit status: 0 all well, 1 something would fail, 2 the call itself is wrong
 * @throws CopyError COPY_OPTION for connections that cannot work; the signal's reason
 */
export const checkCommand = async (options: CheckCommandOptions): Promise<number> => {
  const { json = false, quiet = false, print, ...request } = options
  const report = await runCheck(request)
  if (json) print(jsonCheck(report))
  else if (!quiet || !report.ok) print(printCheck(report))
  return report.status
}
