import type { Format } from '../../sql/copy-source.js'
import type { ColumnPair } from '../catalog/columns.js'
import type { TypeMap } from '../catalog/facts.js'
import { error, type Finding, listNames, note, warning } from '../catalog/finding.js'
import { enumOf, wireName } from './wire-type.js'

/** Type → types that accept all of its values in text form. Type text accepts everything and is not listed. */
const ALWAYS_FITS: Readonly<Record<string, readonly string[]>> = {
  int2: ['int4', 'int8', 'numeric', 'float4', 'float8'],
  int4: ['int8', 'numeric', 'float8'],
  int8: ['numeric'],
  float4: ['float8'],
  date: ['timestamp'],
  json: ['jsonb'],
  jsonb: ['json'],
  cidr: ['inet'],
  macaddr: ['macaddr8'],
  bpchar: ['varchar'],
  text: ['varchar'],
  name: ['varchar'],
}

/** Pairs of types that lose or assume something without an error. */
const SILENT: Readonly<Record<string, string>> = {
  'timestamptz timestamp': 'the offset is dropped; times are in UTC',
  'timestamp timestamptz': 'times are taken to be in UTC',
  'timestamptz date': 'the time of day is dropped',
  'timestamp date': 'the time of day is dropped',
  'text bpchar': 'trailing spaces lose their meaning',
  'varchar bpchar': 'trailing spaces lose their meaning',
  'float8 float4': 'digits are lost',
  'numeric float8': 'digits are lost',
  'numeric float4': 'digits are lost',
}

/** Findings for the values of one column. */
export const compareTypes = (
  { from, to }: ColumnPair,
  sourceTypes: TypeMap,
  types: TypeMap,
  format: Format | 'auto',
): Finding[] => {
  const [source, target] = [wireName(from.type, sourceTypes), wireName(to.type, types)]
  const names = `column "${to.name}" is ${to.typeName} here and ${from.typeName} at the source`
  if (source === target)
    return [...narrowing({ from, to }, names, types), ...labels({ from, to }, sourceTypes, types)]
  if (format === 'binary') {
    return [error('type', `${names}: binary needs the same type at both ends; use --format text`)]
  }
  const silent = SILENT[`${source} ${target}`]
  if (silent !== undefined) return [warning('type', `${names}: ${silent}`)]
  const isUnbounded = to.typmod === -1 && types.get(to.type)?.kind === 'b'
  if (isUnbounded && (target === 'text' || ALWAYS_FITS[source]?.includes(target))) {
    return [note('type', `${names}: its values fit as text`)]
  }
  return [warning('type', `${names}: as text, a value that is no ${to.typeName} makes the copy fail`)]
}

const TEMPORAL = /^(timestamp|timestamptz|time|timetz|interval)$/

/** The same type with a narrower modifier: a shorter varchar fails; a numeric or timestamp of fewer digits rounds silently. */
const narrowing = ({ from, to }: ColumnPair, names: string, types: TypeMap): Finding[] => {
  const type = types.get(to.type)
  if (type?.kind === 'd') {
    return from.typeName === to.typeName
      ? []
      : [note('type', `${names}: a value that the domain does not allow makes the copy fail`)]
  }
  if (to.typmod === -1 || to.typmod === from.typmod) return []
  const base = wireName(to.type, types).replace(/\[\]$/, '')
  const isWider =
    from.typmod !== -1 &&
    (base === 'numeric' ? holdsNumeric(from.typmod, to.typmod) : base !== 'bit' && to.typmod > from.typmod)
  if (isWider && base !== 'interval') return []
  const rounds = base === 'numeric' || TEMPORAL.test(base)
  return [
    warning(
      'type',
      `${names}: ${rounds ? 'values are rounded, or fail' : 'a value that does not fit makes the copy fail'}`,
    ),
  ]
}

/** A numeric's typmod is (precision << 16 | scale in 11 bits) + 4. */
const holdsNumeric = (from: number, to: number): boolean => {
  const precision = (typmod: number): number => ((typmod - 4) >> 16) & 0xffff
  const scale = (typmod: number): number => (((typmod - 4) & 0x7ff) ^ 1024) - 1024
  return scale(to) >= scale(from) && precision(to) - scale(to) >= precision(from) - scale(from)
}

/** Labels that an enum of the same name lacks at the target. */
const labels = ({ from, to }: ColumnPair, sourceTypes: TypeMap, types: TypeMap): Finding[] => {
  const known = enumOf(to.type, types)
  const missing = enumOf(from.type, sourceTypes)?.labels?.filter(
    (label) => known?.labels?.includes(label) === false,
  )
  if (missing === undefined || missing.length === 0) return []
  return [
    warning(
      'enum',
      `column "${to.name}": the enum ${known?.name} lacks ${listNames(missing)} here; a row with such a label makes the copy fail: ALTER TYPE … ADD VALUE`,
    ),
  ]
}
