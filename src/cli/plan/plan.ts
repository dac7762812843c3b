import type { CopyError } from '../../index.js'
import type { CopyRequest, FileRequest, ServerRequest } from '../request/copy-request.js'
import type { Estimate, Format } from '../sql/copy-source.js'

/** The statements for one server. */
export interface ServerPlan extends ServerRequest {
  readonly statement: string
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** A target that the copy does not start, and the fault to report for it. */
export interface LeftOut {
  readonly name: string
  readonly fault: CopyError
}

/** The plan of a copy, made from the request and, without --no-check, from a check of all ends. */
export interface CopyPlan {
  readonly request: CopyRequest
  readonly format: Format
  /** The reason for the format, to follow "since". */
  readonly why: string
  /** `COPY … TO STDOUT`; undefined for a file. */
  readonly sourceStatement: string | undefined
  readonly targets: readonly (ServerPlan | FileRequest)[]
  readonly leftOut: readonly LeftOut[]
  /** Findings of the check that may be mistakes, but do not stop a target. */
  readonly warnings: readonly { readonly name: string; readonly code: string; readonly message: string }[]
  readonly estimate: Estimate
}

/** Options of COPY, the same at both ends. */
const withOptions = (format: Format, header: boolean, more: readonly string[] = []): string =>
  `(${[`FORMAT ${format}`, ...(header ? ['HEADER'] : []), ...more].join(', ')})`

/** @param source the text between COPY and TO STDOUT */
export const sourceStatement = (source: string, request: CopyRequest, format: Format): string =>
  `COPY ${source} TO STDOUT ${withOptions(format, request.header)}`

/** @param columns the columns to load, in the order of the source, quoted for SQL; default: all */
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
