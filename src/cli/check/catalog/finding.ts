/** `error`: the copy would fail, or load wrong data. `warning`: the copy may do so. `note`: good to know. */
type Severity = 'error' | 'warning' | 'note'

/** A result of the check at one end. The code is stable; the human-readable message names the problem and the remedy. */
export interface Finding {
  readonly severity: Severity
  readonly code: string
  readonly message: string
}

export const error = (code: string, message: string): Finding => ({ severity: 'error', code, message })
export const warning = (code: string, message: string): Finding => ({ severity: 'warning', code, message })
export const note = (code: string, message: string): Finding => ({ severity: 'note', code, message })

/** `"a", "b" and 3 more`: the first names of a list, for a sentence. */
export const listNames = (names: readonly string[], most = 5): string => {
  const shown = names.slice(0, most).map((name) => `"${name}"`)
  const rest = names.length - shown.length
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`
}
