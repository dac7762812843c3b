import type { Format } from '../../sql/copy-source.js'
import type { ColumnPair } from '../catalog/columns.js'
import type { Readable, TypeMap } from '../catalog/facts.js'
import { error, type Finding, warning } from '../catalog/finding.js'
import { binaryObstacle, NO_BINARY, wireName } from './wire-type.js'

/** One target that can be loaded, with the pairs of columns. */
export interface LoadableTarget {
  readonly name: string
  readonly pairs: readonly ColumnPair[]
  readonly types: TypeMap
}

export interface FormatChoice {
  readonly format: Format
  /** The reason, to follow "since", e.g. `all 3 targets have the same types in the same columns`. */
  readonly why: string
}

/**
 * Binary if every target has the same types in the same columns, and binary would damage none of these types; else text.
 * All targets get the same format, since they load one stream.
 */
export const chooseFormat = (
  source: Readable,
  columns: Readable['columns'],
  targets: readonly LoadableTarget[],
): FormatChoice => {
  for (const { name, type } of columns) {
    const obstacle = binaryObstacle(type, source.types)
    if (obstacle !== undefined) return { format: 'text', why: `column ${name}: ${obstacle}` }
  }
  for (const { name, pairs, types } of targets) {
    const other = pairs.find(({ from, to }) => wireName(from.type, source.types) !== wireName(to.type, types))
    if (other === undefined) continue
    const { from, to } = other
    return {
      format: 'text',
      why: `column ${from.name} is ${typeLabel(from, to.typeName, source.types)} at the source and ${typeLabel(to, from.typeName, types)} at ${name}`,
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

/** Findings for a source's columns when the user asks for binary. */
export const binaryFindings = ({ columns, types }: Readable): Finding[] =>
  columns.flatMap(({ name, type, typeName }) => {
    const obstacle = binaryObstacle(type, types)
    if (obstacle === undefined) return []
    const message = `column "${name}" (${typeName}) in binary: ${obstacle}; use --format text`
    return [obstacle.endsWith(NO_BINARY) ? error('binary', message) : warning('binary', message)]
  })

/** A type's name for a message. Two types with the same name may differ, e.g. in their extension's version: then shown. */
const typeLabel = (
  column: { readonly type: string; readonly typeName: string },
  other: string,
  types: TypeMap,
): string => (column.typeName === other ? wireName(column.type, types) : column.typeName)
