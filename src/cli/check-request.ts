import type { CheckRequest } from './check/run-check.js'
import type { CopyRequest, Format, ServerRequest } from './request.js'

/** What a check is to look at: the servers of a copy. */
export const checkRequest = (
  request: CopyRequest,
  format: Format | 'auto',
  signal: AbortSignal,
): CheckRequest => {
  const { source, targets, truncate, freeze, before } = request
  return {
    source: source.kind === 'file' ? undefined : source,
    targets: targets.filter((target): target is ServerRequest => target.kind === 'server'),
    format,
    truncate,
    freeze,
    before,
    signal,
  }
}
