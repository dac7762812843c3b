/** `error`: the copy would fail or load what was not meant. `warning`: it may. `note`: good to know. */
type Severity = 'error' | 'warning' | 'note'

/** Something a check found at one end. The code is stable; the message is for people: what is wrong and what to do. */
export interface Finding {
  readonly severity: Severity
  readonly code: string
  readonly message: string
}

export const error = (code: string, message: string): Finding => ({ severity: 'error', code, message })
export const warning = (code: string, message: string): Finding => ({ severity: 'warning', code, message })
export const note = (code: string, message: string): Finding => ({ severity: 'note', code, message })

/** `a, b and 3 more`: names for a sentence, few enough to be read. */
export const listNames = (names: readonly string[], most = 5): string => {
  const shown = names.slice(0, most).map((name) => `"${name}"`)
  const rest = names.length - shown.length
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`
}

/** `1 row`, `2 rows`. */
export const plural = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : nouns}`
