import { oneOf } from './mutations.js'

type Random = () => number
type Fields = Record<string, unknown>

/** An object of which each level holds the next. */
const nested = (depth: number): object => {
  let inner: object = {}
  for (let level = 0; level < depth; level += 1) inner = { cause: inner, name: 'Error', message: 'deep' }
  return inner
}

const GARBAGE: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  10n,
  '',
  'committed',
  'toString',
  '__proto__',
  {},
  [],
  new Map([['type', 'committed']]),
  new Error('thrown'),
  new Uint8Array(3),
  nested(3),
  nested(1000),
]

/** The message with one thing about it changed: a field of it or of what it holds, its type, or all of it. */
export const mutateMessage = (message: object, random: Random): unknown => {
  if (random() < 0.1) return oneOf(random, GARBAGE)
  const changed = structuredClone(message) as Fields
  let at = changed
  for (;;) {
    const fields = Object.keys(at)
    const field = oneOf(random, fields)
    const value = at[field]
    if (value !== null && typeof value === 'object' && Object.keys(value).length > 0 && random() < 0.7) {
      at = value as Fields
      continue
    }
    if (random() < 0.3) delete at[field]
    else at[field] = oneOf(random, GARBAGE)
    return changed
  }
}
