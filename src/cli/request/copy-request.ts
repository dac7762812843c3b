import type { ConnectionInput } from '../../index.js'
import type { Format } from '../sql/copy-source.js'

/** The source of the rows. */
export type SourceRequest =
  | { readonly kind: 'table'; readonly connection: ConnectionInput; readonly table: string }
  | { readonly kind: 'query'; readonly connection: ConnectionInput; readonly query: string }
  /** `-` is standard input. */
  | { readonly kind: 'file'; readonly path: string }

/** A table on a server, to load. */
export interface ServerRequest {
  readonly kind: 'server'
  readonly name: string
  readonly connection: ConnectionInput
  /** Quoted for SQL. */
  readonly table: string
  /** The flag that messages name, e.g. `--to db2/app`. */
  readonly option: string
}

export interface FileRequest {
  readonly kind: 'file'
  readonly name: string
  readonly path: string
}

export type TargetRequest = ServerRequest | FileRequest

/** The checked settings of the command line and the configuration file. */
export interface CopyRequest {
  readonly source: SourceRequest
  readonly targets: readonly TargetRequest[]
  readonly format: Format | 'auto'
  /** CSV with the column names in its first line. */
  readonly header: boolean
  readonly truncate: boolean
  readonly freeze: boolean
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly analyze: boolean
  readonly onFault: 'isolate' | 'abort'
  readonly retry: number
  readonly atomicity: 'barrier' | 'each'
  /** Undefined for `block`, seconds for `drop`. */
  readonly lagSeconds: number | undefined
  /** Whether to check all targets before the copy. */
  readonly check: boolean
  readonly dryRun: boolean
  readonly json: boolean
  readonly quiet: boolean
}

/** Whether a target is standard output. */
export const isStandardOutput = (target: TargetRequest): boolean =>
  target.kind === 'file' && target.path === '-'
