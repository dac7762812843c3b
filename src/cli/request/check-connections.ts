import { CopyError, StatementProducer, StatementReceiver } from '../../index.js'
import { FileReceiver } from '../files/file-receiver.js'
import { usageError } from '../shell/usage.js'
import type { ServerRequest, SourceRequest, TargetRequest } from './copy-request.js'

/** Replaces the option that the library names in an error by the command's flag. */
export const forOption = <T>(option: string, make: () => T): T => {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof CopyError) || error.code !== 'COPY_OPTION') throw error
    throw usageError(error.message.replace(/^(from|to)(\.(connection|statement))?/, option))
  }
}

const checkTarget = ({ connection, option }: ServerRequest): void => {
  forOption(option, () => new StatementReceiver({ connection, statement: 'COPY t FROM STDIN' }))
}

/** @throws CopyError COPY_OPTION for connections and files that cannot work; connects to nothing */
export const checkConnections = (source: SourceRequest, targets: readonly TargetRequest[]): void => {
  if (source.kind !== 'file') {
    const { connection } = source
    forOption('--from', () => new StatementProducer({ connection, statement: 'COPY t TO STDOUT' }))
  }
  for (const target of targets) {
    if (target.kind === 'file') new FileReceiver(target.path, target.name)
    else checkTarget(target)
  }
}
