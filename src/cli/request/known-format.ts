import type { Format } from '../sql/copy-source.js'
import type { CopyRequest } from './copy-request.js'

/** The format, as far as it does not depend on column types: the one asked for, or that of a file. */
export const knownFormat = ({ format, source, targets }: CopyRequest): Format | 'auto' => {
  if (format !== 'auto') return format
  if (source.kind === 'file') return formatOfFile(source.path)
  const file = targets.find((target) => target.kind === 'file')
  return file === undefined ? 'auto' : formatOfFile(file.path)
}

/** The reason for the result of `knownFormat`, to follow "since". */
export const whyKnown = ({ format, source, targets }: CopyRequest): string => {
  if (format !== 'auto') return 'it was asked for'
  const file = source.kind === 'file' ? source : targets.find((target) => target.kind === 'file')
  return file !== undefined && formatOfFile(file.path) === 'csv'
    ? `the name of ${file.path} says so`
    : 'a file is text unless its name or --format says otherwise'
}

/** The default format of a file: csv by its name, else text. */
const formatOfFile = (path: string): Format => (/\.csv(\.gz|\.zst)?$/i.test(path) ? 'csv' : 'text')
