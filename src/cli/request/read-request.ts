import { buildRequest } from './build-request.js'
import { checkConnections } from './check-connections.js'
import { readConfigFile } from './config-file.js'
import type { CopyRequest } from './copy-request.js'
import type { Flags } from './flags.js'
import { merge } from './settings.js'

/**
 * What the flags, and the file that they name, ask for.
 * @throws CopyError COPY_OPTION for what cannot work, as far as that is known before anything is connected
 */
export const readRequest = async (flags: Flags): Promise<CopyRequest> => {
  const file = flags.config === undefined ? {} : await readConfigFile(flags.config)
  const request = buildRequest(merge(file, flags))
  checkConnections(request.source, request.targets)
  return request
}
