import { resolve } from 'node:path'
import type { ConnectionInput } from '../../index.js'
import { oneOf, usageError, wholeNumber } from '../shell/usage.js'
import { quoteTable } from '../sql/table-name.js'
import { type CopyRequest, isStandardOutput, type SourceRequest, type TargetRequest } from './copy-request.js'
import type { Settings, TargetSettings } from './settings.js'
import { pathOf, serverName, splitFragment } from './target-url.js'

/** An empty value often comes from a script's variable that is not set. */
const EMPTY = 'postgres:// alone takes host, user and database from PGHOST, PGUSER and PGDATABASE'

const FORMATS = ['auto', 'text', 'csv', 'binary'] as const
const MAX_RETRIES = 1000

/**
 * Checks the settings, as far as that is possible without a connection.
 * @throws CopyError COPY_OPTION that names the flag, its problem and what is legal
 */
export const buildRequest = (settings: Settings): CopyRequest => {
  const source = buildSource(settings)
  const targets = buildTargets(settings, source)
  const format = oneOf('--format', settings.format ?? 'auto', FORMATS)
  const { header = false, truncate = false, freeze = false, analyze = false } = settings
  if (header && format !== 'csv' && format !== 'auto')
    throw usageError(`--header is for CSV, not for --format ${format}`)
  if (freeze && !truncate) {
    throw usageError(
      '--freeze needs --truncate: PostgreSQL freezes rows only in a table emptied in the same transaction',
    )
  }
  const retry = wholeNumber('--retry', settings.retry ?? 0, 0, MAX_RETRIES)
  if (retry > 0 && source.kind === 'file' && source.path === '-') {
    throw usageError('--retry reads the source again, and standard input can be read only once')
  }
  return {
    source,
    targets,
    format: header ? 'csv' : format,
    header,
    truncate,
    freeze,
    analyze,
    before: settings.before ?? [],
    after: settings.after ?? [],
    onFault: oneOf('--on-fault', settings.onFault ?? 'isolate', ['isolate', 'abort']),
    retry,
    atomicity: oneOf('--atomicity', settings.atomicity ?? 'barrier', ['barrier', 'each']),
    lagSeconds: lagSeconds(settings.lag ?? 'block'),
    check: settings.check ?? true,
    dryRun: settings.dryRun ?? false,
    json: settings.json ?? false,
    quiet: settings.quiet ?? false,
  }
}

const buildSource = ({ from, table, query, file }: Settings): SourceRequest => {
  if ([table, query, file].filter((given) => given !== undefined).length !== 1) {
    throw usageError('give one of --table, --query and --file: what to read')
  }
  if (file !== undefined) {
    if (from !== undefined) throw usageError('--file is read without a server: leave out --from')
    if (file === '') throw usageError('--file: the path is missing')
    return { kind: 'file', path: file }
  }
  if (from === '') throw usageError(`--from is empty; ${EMPTY}`)
  if (from === undefined)
    throw usageError('--from is missing: the URL of the source, e.g. postgres://ann@db1/app')
  if (typeof from === 'string' && from.includes('#') && splitFragment(from, '--from').table !== undefined) {
    throw usageError('--from: the table to read is given by --table, not after #')
  }
  if (query !== undefined) return { kind: 'query', connection: from, query: checkQuery(query) }
  return { kind: 'table', connection: from, table: quoteTable(table as string, '--table') }
}

/** Inside of COPY's parentheses, a query has no semicolon. */
const checkQuery = (query: string): string => {
  const text = query.trim().replace(/;+$/, '')
  if (text === '') throw usageError('--query is empty')
  return text
}

const buildTargets = (settings: Settings, source: SourceRequest): TargetRequest[] => {
  const { to = [], toTable, table } = settings
  if (to.length === 0) throw usageError('--to is missing: the URL of a target, e.g. postgres://ann@db2/app')
  const targets = to.map((one, i) => buildTarget(one, i, toTable ?? table))
  if (settings.json && targets.some(isStandardOutput)) {
    throw usageError('--json and --to file:- both print on standard output')
  }
  refuseSame(targets, source)
  return withUniqueNames(targets)
}

const buildTarget = (value: string | TargetSettings, i: number, table: string | undefined): TargetRequest => {
  const settings = typeof value === 'string' ? asSettings(value) : value
  if (settings.file !== undefined) {
    const { file: path } = settings
    return { kind: 'file', name: settings.name ?? (path === '-' ? 'standard output' : path), path }
  }
  let connection = settings.connection as ConnectionInput
  const text = typeof connection === 'string' ? connection : undefined
  if (text?.trim() === '') throw usageError(`--to number ${i + 1} is empty; ${EMPTY}`)
  const name =
    settings.name ?? (text === undefined ? configName(connection) : serverName(text)) ?? `target ${i + 1}`
  const option = `--to ${name}`
  let wanted = settings.table
  if (text !== undefined) {
    const { url, table: fragment } = splitFragment(text, option)
    connection = url
    wanted ??= fragment
  }
  wanted ??= table
  if (wanted === undefined) {
    throw usageError(
      `${option}: the table to load is missing; give --to-table, or add the table to the URL: …#events`,
    )
  }
  return {
    kind: 'server',
    name,
    connection,
    table: quoteTable(wanted, toTableOption(option, wanted, table)),
    option,
  }
}

const toTableOption = (option: string, wanted: string, table: string | undefined): string =>
  wanted === table ? '--to-table' : option

const asSettings = (text: string): TargetSettings => {
  const file = pathOf(text)
  return file === undefined ? { connection: text } : { file }
}

const configName = (connection: ConnectionInput): string | undefined => {
  if (typeof connection === 'string') return undefined
  const { host, database } = connection
  return host === undefined ? undefined : `${host}${database === undefined ? '' : `/${database}`}`
}

/** Targets in one database would have the same name: a message could not say which target failed. */
const withUniqueNames = (targets: readonly TargetRequest[]): TargetRequest[] => {
  const taken = new Map<string, number>()
  return targets.map((target) => {
    const times = (taken.get(target.name) ?? 0) + 1
    taken.set(target.name, times)
    return times === 1 ? target : { ...target, name: `${target.name} (${times})` }
  })
}

/** A target that is given twice would get every row twice; a copy of the source into itself would read its own rows. */
const refuseSame = (targets: readonly TargetRequest[], source: SourceRequest): void => {
  const seen = new Set<string>()
  if (source.kind === 'table') seen.add(identity(source.connection, source.table))
  if (source.kind === 'file') seen.add(resolve(source.path))
  const first = [...seen][0]
  for (const target of targets) {
    const same = target.kind === 'file' ? resolve(target.path) : identity(target.connection, target.table)
    if (same === first) throw usageError(`--to ${target.name} is the source itself`)
    if (seen.has(same))
      throw usageError(`--to ${target.name} is given twice: every row would be loaded twice`)
    seen.add(same)
  }
}

const identity = (connection: ConnectionInput, table: string): string => {
  const where =
    typeof connection === 'string' ? (serverName(connection) ?? connection) : configName(connection)
  return `${where ?? JSON.stringify(connection)}#${table}`
}

const lagSeconds = (text: string): number | undefined => {
  if (text === 'block') return undefined
  const match = /^drop:(\d+(?:\.\d+)?)$/.exec(text)
  const seconds = Number(match?.[1])
  if (match === null || seconds === 0) {
    throw usageError(`--lag must be block, or drop:SECONDS, e.g. drop:30, not ${JSON.stringify(text)}`)
  }
  return seconds
}
