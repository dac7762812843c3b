import type { ColumnPair } from '../catalog/columns.js'
import type { Format } from '../catalog/copy-source.js'
import type { Readable, TypeMap } from '../catalog/facts.js'
import { error, type Finding, warning } from '../catalog/finding.js'
import { binaryObstacle, NO_BINARY, wireName } from './wire-type.js'

/** One target that can be loaded: what goes where. */
export interface LoadableTarget {
  readonly name: string
  readonly pairs: readonly ColumnPair[]
  readonly types: TypeMap
}

export interface FormatChoice {
  readonly format: Format
  /** A sentence's rest, such as `all 3 targets have the same types in the same columns`. */
  readonly why: string
}

/**
 * Binary when every target has the same types in the same columns and none is a type that binary would damage; else text
 * for all, since all are fed by one stream.
 */
export const chooseFormat = (
  source: Readable,
  columns: Readable['columns'],
  targets: readonly LoadableTarget[],
): FormatChoice => {
  for (const { name, type } of columns) {
    const bar = binaryObstacle(type, source.types)
    if (bar !== undefined) return { format: 'text', why: `column ${name}: ${bar}` }
  }
  for (const { name, pairs, types } of targets) {
    const other = pairs.find(({ from, to }) => wireName(from.type, source.types) !== wireName(to.type, types))
    if (other === undefined) continue
    const { from, to } = other
    return {
      format: 'text',
      why: `column ${from.name} is ${named(from, to.typeName, source.types)} at the source and ${named(to, from.typeName, types)} at ${name}`,
    }
  }
  const count =
    targets.length === 1
      ? 'the target has'
      : targets.length === 2
        ? 'both targets have'
        : `all ${targets.length} targets have`
  return targets.length === 0
    ? { format: 'text', why: 'no target can be loaded' }
    : { format: 'binary', why: `${count} the same types in the same columns` }
}

/** What binary would do to a source's columns, where somebody asks for it all the same. */
export const binaryFindings = ({ columns, types }: Readable): Finding[] =>
  columns.flatMap(({ name, type, typeName }) => {
    const bar = binaryObstacle(type, types)
    if (bar === undefined) return []
    const message = `column "${name}" (${typeName}) in binary: ${bar}; use --format text`
    return [bar.endsWith(NO_BINARY) ? error('binary', message) : warning('binary', message)]
  })

/** Two types may be written alike and yet differ, such as in their extension's version. */
const named = (
  column: { readonly type: string; readonly typeName: string },
  other: string,
  types: TypeMap,
): string => (column.typeName === other ? wireName(column.type, types) : column.typeName)
