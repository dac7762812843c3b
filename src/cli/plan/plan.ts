import type { CopyError } from '../../index.js'
import type { CopyRequest, FileRequest, Format, ServerRequest } from '../request/copy-request.js'

/** What one server is to do. */
export interface ServerPlan extends ServerRequest {
  readonly statement: string
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** How much there is to read, as far as anybody knows; each is 0 when unknown. */
export interface Estimate {
  readonly rows: number
  readonly bytes: number
}

/** A target that is not even tried, and why: a fault of the copy. */
export interface LeftOut {
  readonly name: string
  readonly fault: CopyError
}

/** What a request came to when the source, and the targets unless --no-check, had been asked. */
export interface CopyPlan {
  readonly request: CopyRequest
  readonly format: Format
  /** Why it is that format, to stand behind "since". */
  readonly why: string
  /** `COPY … TO STDOUT`; undefined where a file is read. */
  readonly sourceStatement: string | undefined
  readonly targets: readonly (ServerPlan | FileRequest)[]
  readonly leftOut: readonly LeftOut[]
  /** What a check found that may be a mistake, and is none of a fault. */
  readonly warnings: readonly { readonly name: string; readonly code: string; readonly message: string }[]
  readonly estimate: Estimate
}

/** Options of COPY, the same at both ends. */
const withOptions = (format: Format, header: boolean, more: readonly string[] = []): string =>
  `(${[`FORMAT ${format}`, ...(header ? ['HEADER'] : []), ...more].join(', ')})`

/** @param what a table's name, with its columns if they are named, or a query in parentheses */
export const sourceStatement = (what: string, request: CopyRequest, format: Format): string =>
  `COPY ${what} TO STDOUT ${withOptions(format, request.header)}`

/** @param columns the columns to load, in the order of the source, quoted for SQL; all unless given */
export const planServer = (
  target: ServerRequest,
  request: CopyRequest,
  format: Format,
  columns?: string,
): ServerPlan => {
  const { table } = target
  const { before, after, truncate, freeze, analyze, header } = request
  const into = columns === undefined ? table : `${table} (${columns})`
  return {
    ...target,
    statement: `COPY ${into} FROM STDIN ${withOptions(format, header, freeze ? ['FREEZE'] : [])}`,
    before: [...before, ...(truncate ? [`TRUNCATE ${table}`] : [])],
    after: [...(analyze ? [`ANALYZE ${table}`] : []), ...after],
  }
}
