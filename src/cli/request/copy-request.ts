import type { ConnectionInput } from '../../index.js'

/** Where the rows come from. */
export type SourceRequest =
  | { readonly kind: 'table'; readonly connection: ConnectionInput; readonly table: string }
  | { readonly kind: 'query'; readonly connection: ConnectionInput; readonly query: string }
  /** `-` is standard input. */
  | { readonly kind: 'file'; readonly path: string }

/** One place to load. */
export interface ServerRequest {
  readonly kind: 'server'
  readonly name: string
  readonly connection: ConnectionInput
  /** Quoted for SQL. */
  readonly table: string
  /** How messages call where it was given, such as `--to db2/app`. */
  readonly option: string
}

export interface FileRequest {
  readonly kind: 'file'
  readonly name: string
  readonly path: string
}

export type TargetRequest = ServerRequest | FileRequest

export type Format = 'text' | 'csv' | 'binary'

/** What a command line and its configuration file ask for, checked. */
export interface CopyRequest {
  readonly source: SourceRequest
  readonly targets: readonly TargetRequest[]
  readonly format: Format | 'auto'
  /** CSV with a line of column names. */
  readonly header: boolean
  readonly truncate: boolean
  readonly freeze: boolean
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly analyze: boolean
  readonly onFault: 'isolate' | 'abort'
  readonly retry: number
  readonly atomicity: 'barrier' | 'each'
  /** `block` unless there are seconds. */
  readonly lagSeconds: number | undefined
  /** Whether all targets are looked at before the copy. */
  readonly check: boolean
  readonly dryRun: boolean
  readonly json: boolean
  readonly quiet: boolean
}

/** Whether the rows go to standard output. */
export const isStandardOutput = (target: TargetRequest): boolean =>
  target.kind === 'file' && target.path === '-'
