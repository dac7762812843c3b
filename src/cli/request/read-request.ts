import { buildRequest } from './build-request.js'
import { checkConnections } from './check-connections.js'
import { readConfigFile } from './config-file.js'
import type { CopyRequest } from './copy-request.js'
import type { Flags } from './flags.js'
import { merge } from './settings.js'

/**
 * Reads the request from the flags and from the configuration file that they name. Connects to nothing.
 * @throws CopyError COPY_OPTION for settings and connections that cannot work
 */
export const readRequest = async (flags: Flags): Promise<CopyRequest> => {
  const file = flags.config === undefined ? {} : await readConfigFile(flags.config)
  const request = buildRequest(merge(file, flags))
  checkConnections(request.source, request.targets)
  return request
}
