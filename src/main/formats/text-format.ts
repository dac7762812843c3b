const TEXT_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}

/** One row of text: https://www.postgresql.org/docs/18/sql-copy.html, "Text Format". */
export const textRow = (values: readonly (string | null)[]): string =>
  `${values
    .map((value) => (value === null ? '\\N' : value.replace(/[\\\t\n\r]/g, (c) => TEXT_ESCAPES[c] as string)))
    .join('\t')}\n`
