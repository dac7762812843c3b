/**
 * Characters that a terminal interprets instead of showing them: C0 and C1 controls, and the marks that change the
 * direction of text.
 */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const hex = (character: string, digits: number): string =>
  character.charCodeAt(0).toString(16).padStart(digits, '0')

const escaped = (character: string): string =>
  character.charCodeAt(0) < 0x100 ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`

/** Text from a server, a file or a user, safe to print: control characters appear as escapes. */
export const printable = (text: string): string =>
  text.replace(CONTROLS, (character) => (character === '\n' || character === '\t' ? ' ' : escaped(character)))

/** The same for a text of several lines. Each further line is indented, so that it cannot pass for a line of copyman's. */
export const printableLines = (text: string, indent = '    '): string =>
  text.trimEnd().split(/\r?\n/).map(printable).join(`\n${indent}`)

/** A value as one line of JSON. JSON.stringify leaves some control characters as they are; in a string, \u is legal for all. */
export const printableJson = (value: object): string =>
  JSON.stringify(value).replace(CONTROLS, (character) => `\\u${hex(character, 4)}`)
