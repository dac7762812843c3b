/** Why a value cannot be written; the producer adds the row and the column. */
export class UnencodableValue extends Error {}

/**
 * A JavaScript value as PostgreSQL's input functions read it; null for NULL. A Date is an instant in UTC, an array is
 * an array, any other object is JSON, a Uint8Array is bytea.
 * @throws UnencodableValue
 */
export const encodeText = (value: unknown): string | null => {
  switch (typeof value) {
    case 'string':
      return wellFormed(value)
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      return String(value)
    case 'boolean':
      return value ? 't' : 'f'
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : textOfObject(value)
    default:
      throw new UnencodableValue(`a ${typeof value} has no COPY form`)
  }
}

/** The value as JSON, also an array, a string or a number; null for NULL. @throws UnencodableValue */
export const encodeJson = (value: unknown): string | null => {
  if (value === null || value === undefined) return null
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (error) {
    throw new UnencodableValue(`not to be written as JSON: ${(error as Error).message}`)
  }
  if (json === undefined) throw new UnencodableValue(`a ${typeof value} has no JSON form`)
  return json
}

const textOfObject = (value: object): string | null => {
  if (value instanceof Date) return instantOf(value)
  if (value instanceof Uint8Array) {
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  }
  if (Array.isArray(value)) return arrayOf(value)
  if (ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set) {
    throw new UnencodableValue(
      `a ${value.constructor.name} has no COPY form; give an array, a Buffer or an object`,
    )
  }
  return encodeJson(value)
}

/** PostgreSQL reads no signed years, and has a year 1 BC where ISO 8601 has a year 0. */
const instantOf = (date: Date): string => {
  const year = date.getUTCFullYear()
  if (Number.isNaN(year)) throw new UnencodableValue('an invalid Date')
  const rest = date.toISOString().replace(/^[+-]?\d+/, '')
  if (year > 0) return `${String(year).padStart(4, '0')}${rest}`
  return `${String(1 - year).padStart(4, '0')}${rest} BC`
}

/** https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO */
const arrayOf = (values: readonly unknown[]): string => {
  const elements = values.map((value) => {
    if (Array.isArray(value)) return arrayOf(value)
    const text = encodeText(value)
    return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${elements.join(',')}}`
}

const wellFormed = (text: string): string => {
  if (text.includes('\0')) throw new UnencodableValue('text with NUL, which PostgreSQL cannot store')
  // the server would store half of a pair as another character
  if (!text.isWellFormed()) throw new UnencodableValue('text with half of a surrogate pair')
  return text
}
