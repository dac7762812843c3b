import type { CheckRequest } from '../check/run-check.js'
import type { CopyRequest, ServerRequest } from '../request/copy-request.js'
import { knownFormat, whyKnown } from '../request/known-format.js'

/** The check for a copy: of its servers, not of its files. */
export const checkRequest = (request: CopyRequest, signal: AbortSignal): CheckRequest => {
  const { source, targets, truncate, freeze, before } = request
  return {
    source: source.kind === 'file' ? undefined : source,
    targets: targets.filter((target): target is ServerRequest => target.kind === 'server'),
    format: knownFormat(request),
    formatWhy: whyKnown(request),
    truncate,
    freeze,
    before,
    signal,
  }
}
