import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { CopyRequest } from '../request/copy-request.js'
import { knownFormat, whyKnown } from '../request/known-format.js'
import type { Shell } from '../shell/shell.js'
import { usageError } from '../shell/usage.js'
import { copySource, type Estimate } from '../sql/copy-source.js'
import { messageOf } from '../text/message-of.js'
import { type CopyPlan, planServer, sourceStatement } from './plan.js'
import { prepareChecked } from './prepare-checked.js'
import { readSourceTable } from './source-table.js'

const UNKNOWN: Estimate = { rows: 0, bytes: 0 }

/**
 * Makes the plan of a copy. Checks all ends first, or, with --no-check, reads only the kind and size of the source table.
 * @throws CopyError COPY_OPTION for a file that cannot be read, or a source that is a target; COPY_CHECK when the source
 *   cannot be read; with --no-check, the errors of `queryValue`; CopyAborted
 */
export const prepare = async (request: CopyRequest, shell: Shell): Promise<CopyPlan> => {
  const { source } = request
  const file = source.kind === 'file' ? await sizeOf(source.path) : undefined
  const { signal } = shell.interrupts
  if (request.check) return prepareChecked(request, file, signal)
  const known = knownFormat(request)
  const format = known === 'auto' ? 'text' : known
  const why = known === 'auto' ? 'nothing is known of the types without a check' : whyKnown(request)
  const targets = request.targets.map((target) =>
    target.kind === 'file' ? target : planServer(target, request, format),
  )
  const plan = { request, format, why, targets, leftOut: [], warnings: [] }
  switch (source.kind) {
    case 'table': {
      const found = await readSourceTable(source.connection, source.table, signal)
      const estimate = found === undefined ? UNKNOWN : { rows: Math.max(0, found.rows), bytes: found.bytes }
      const what = copySource({ table: source.table, kind: found?.kind })
      return { ...plan, sourceStatement: sourceStatement(what, request, format), estimate }
    }
    case 'query': {
      const what = copySource(source)
      return { ...plan, sourceStatement: sourceStatement(what, request, format), estimate: UNKNOWN }
    }
    case 'file':
      return { ...plan, sourceStatement: undefined, estimate: file ?? UNKNOWN }
    default:
      throw new TypeError(`unknown source ${JSON.stringify(source satisfies never)}`)
  }
}

const sizeOf = async (path: string): Promise<Estimate> => {
  if (path === '-') return UNKNOWN
  try {
    await access(path, constants.R_OK)
    const found = await stat(path)
    if (found.isDirectory()) throw new Error(`${path} is a folder`)
    return { rows: 0, bytes: found.isFile() ? found.size : 0 }
  } catch (error) {
    throw usageError(`--file: ${messageOf(error)}`)
  }
}
