import type { TypeFacts, TypeMap } from '../catalog/facts.js'

/** Types whose binary values are oids in the source's own catalog. */
const CATALOG_NUMBER = /^(reg[a-z]+|oid|oidvector)$/

/** The end of an obstacle with which the server itself refuses binary. */
export const NO_BINARY = 'has no binary form'

/**
 * A name for the binary form of a type's values: if both ends have the same name, one end can read the values of the other.
 * A domain has the name of its base type. A type of an extension includes the extension's version. An enum has its own
 * name, since its binary values are its labels.
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

/** The reason why values of a type must not be copied in binary; undefined if they can be. */
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

/** The enum that a type consists of: the type itself, an array's element, a domain's base type. */
export const enumOf = (oid: string, types: TypeMap): TypeFacts | undefined => {
  const type = types.get(oid)
  if (type === undefined || type.labels !== null) return type
  return type.part === '0' ? undefined : enumOf(type.part, types)
}
