import type { CopyRequest, Format } from './copy-request.js'

/** The format, as far as it is known without the types of columns: asked for, or that of a file. */
export const knownFormat = ({ format, source, targets }: CopyRequest): Format | 'auto' => {
  if (format !== 'auto') return format
  if (source.kind === 'file') return formatOfFile(source.path)
  const file = targets.find((target) => target.kind === 'file')
  return file === undefined ? 'auto' : formatOfFile(file.path)
}

/** Why `knownFormat` says what it says, to stand behind "since". */
export const whyKnown = ({ format, source, targets }: CopyRequest): string => {
  if (format !== 'auto') return 'it was asked for'
  const file = source.kind === 'file' ? source : targets.find((target) => target.kind === 'file')
  return file !== undefined && formatOfFile(file.path) === 'csv'
    ? `${file.path} is named so`
    : 'a file is text unless its name or --format says otherwise'
}

/** The format when nobody said which: a file's own, else text. */
const formatOfFile = (path: string): Format => (/\.csv(\.gz|\.zst)?$/i.test(path) ? 'csv' : 'text')
