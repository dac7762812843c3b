import type { TypeFacts, TypeMap } from '../catalog/facts.js'

/** Types whose binary values are numbers of rows in the source's own catalog. */
const CATALOG_NUMBER = /^(reg[a-z]+|oid|oidvector)$/

/** How a bar ends that no server would let pass. */
export const NO_BINARY = 'has no binary form'

/**
 * What a type's values look like in binary, by name: the same name at both ends means that one end reads what the other
 * writes. A domain is what it is based on. Types that an extension brings count with its version; an enum goes by label.
 */
export const wireName = (oid: string, types: TypeMap): string => {
  const type = types.get(oid)
  if (type === undefined) return `type ${oid}`
  if (type.kind === 'd') return wireName(type.part, types)
  if (type.isArray) return `${wireName(type.part, types)}[]`
  const name = type.isBuiltIn || type.extension !== null ? type.name : `${type.schema}.${type.name}`
  const version = type.extension === null ? '' : ` of ${type.extension}`
  const inner = type.kind === 'r' || type.kind === 'm' ? ` of ${wireName(type.part, types)}` : ''
  return `${name}${version}${inner}`
}

/** Why values of a type must not be copied in binary, or undefined. */
export const binaryObstacle = (oid: string, types: TypeMap): string | undefined => {
  const type = types.get(oid)
  if (type === undefined) return 'its type is unknown'
  const inner = type.part === '0' ? undefined : binaryObstacle(type.part, types)
  if (inner !== undefined) return inner
  if (type.kind === 'c' || type.kind === 'p') return `${type.name} is a composite type`
  if (type.isBuiltIn && CATALOG_NUMBER.test(type.name)) {
    return `${type.name} is a number of the source's own catalog`
  }
  return type.hasBinary ? undefined : `${type.name} ${NO_BINARY}`
}

/** The enum behind a type: itself, an array's element, a domain's base. */
export const enumOf = (oid: string, types: TypeMap): TypeFacts | undefined => {
  const type = types.get(oid)
  if (type === undefined || type.labels !== null) return type
  return type.part === '0' ? undefined : enumOf(type.part, types)
}
