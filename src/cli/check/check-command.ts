import { jsonCheck } from './report/json-check.js'
import { printCheck } from './report/print-check.js'
import { type CheckRequest, runCheck } from './run-check.js'

export interface CheckCommandOptions extends CheckRequest {
  readonly json?: boolean
  /** Prints nothing without errors. */
  readonly quiet?: boolean
  /** Prints results to stdout. */
  readonly print: (text: string) => void
}

/**
 * `copyman check`: checks the source and all targets, and prints the findings. Changes nothing.
 * @returns the exit status: 0 no errors, 1 the copy would fail at an end, 2 wrong usage
 * @throws CopyError COPY_OPTION for connections that cannot work; the signal's reason
 */
export const checkCommand = async (options: CheckCommandOptions): Promise<number> => {
  const { json = false, quiet = false, print, ...request } = options
  const report = await runCheck(request)
  if (json) print(jsonCheck(report))
  else if (!quiet || !report.ok) print(printCheck(report))
  return report.status
}
