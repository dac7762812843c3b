/** What a terminal obeys instead of showing it: C0 and C1 controls, and the marks that turn the direction of text. */
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escaped = (character: string): string => {
  const code = character.charCodeAt(0)
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/** Text of a server, a file or a user, safe to print: what a terminal would obey is shown as an escape. */
export const printable = (text: string): string =>
  text.replace(OBEYED, (character) => (character === '\n' || character === '\t' ? ' ' : escaped(character)))

/** The same for a text of several lines: each further one is indented, so that it cannot be taken for a line of ours. */
export const printableLines = (text: string, indent = '    '): string =>
  text.trimEnd().split(/\r?\n/).map(printable).join(`\n${indent}`)
