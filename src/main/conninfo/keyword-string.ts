import { CopyError } from '../../shared/errors/errors.js'

/**
 * Parses libpq's `keyword=value` connection string (PostgreSQL manual, 34.1.1.1): values may be quoted with ' and
 * escaped with a backslash, and spaces around = are allowed. pg itself misreads such strings as a database name.
 * @throws CopyError COPY_OPTION with the position of the mistake, and without any value, since a value may be a password
 */
export const parseKeywords = (text: string, option: string): Map<string, string> => {
  const found = new Map<string, string>()
  const token = /\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)\s*/sy
  while (token.lastIndex < text.length) {
    const at = token.lastIndex
    const match = token.exec(text)
    if (match === null) {
      throw new CopyError(
        'COPY_OPTION',
        `${option} is not a URL, and not keyword=value pairs from character ${at + 1} on; write postgres://ann@db1/app, or host=db1 user=ann dbname=app`,
      )
    }
    found.set((match[1] as string).toLowerCase(), (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1'))
  }
  return found
}
