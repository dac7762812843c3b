/** The parts of a quoted name such as `"audit"."events"`: table, or schema and table. */
export const tableParts = (quoted: string): readonly string[] =>
  [...quoted.matchAll(/"((?:[^"]|"")*)"/g)].map((match) => (match[1] as string).replaceAll('""', '"'))
