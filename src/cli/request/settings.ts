import type { ConnectionInput } from '../../index.js'
import type { Flags } from './flags.js'

/** A target as the configuration file may describe it. */
export interface TargetSettings {
  readonly name?: string
  readonly connection?: ConnectionInput
  readonly table?: string
  readonly file?: string
}

/** Flags and what stands in for them in a configuration file. */
export interface Settings extends Omit<Flags, 'from' | 'to' | 'config'> {
  readonly from?: ConnectionInput
  readonly to?: readonly (string | TargetSettings)[]
}

const SOURCES = ['table', 'query', 'file'] as const

/** Flags win over the file; a source of another kind takes the place of the file's. */
export const merge = (file: Settings, flags: Flags): Settings => {
  const { config: _, check, ...given } = flags
  const rest: Record<string, unknown> = { ...file }
  if (SOURCES.some((kind) => given[kind] !== undefined)) for (const kind of SOURCES) delete rest[kind]
  // commander says `check: true` when --no-check was not given
  return { ...rest, ...given, ...(check === false && { check }) }
}
