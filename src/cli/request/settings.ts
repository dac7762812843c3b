import type { ConnectionInput } from '../../index.js'
import type { Flags } from './flags.js'

/** A target in the configuration file. */
export interface TargetSettings {
  readonly name?: string
  readonly connection?: ConnectionInput
  readonly table?: string
  readonly file?: string
}

/** The flags, with the types that a configuration file allows. */
export interface Settings extends Omit<Flags, 'from' | 'to' | 'config'> {
  readonly from?: ConnectionInput
  readonly to?: readonly (string | TargetSettings)[]
}

const SOURCES = ['table', 'query', 'file'] as const

/** Flags override the file; a source of one kind replaces a source of another kind in the file. */
export const merge = (file: Settings, flags: Flags): Settings => {
  const { config: _, check, ...given } = flags
  const rest: Record<string, unknown> = { ...file }
  if (SOURCES.some((kind) => given[kind] !== undefined)) for (const kind of SOURCES) delete rest[kind]
  // commander sets `check: true` without --no-check: that must not override the file
  return { ...rest, ...given, ...(check === false && { check }) }
}
