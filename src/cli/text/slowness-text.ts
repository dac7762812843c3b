import type { Slowness } from '../../index.js'
import { duration } from './figures.js'
import { printable } from './printable.js'

/** What takes long, by phase. */
const BY_PHASE: Partial<Record<Slowness['phase'], string>> = {
  connect: 'connecting takes long',
  start: 'the COPY has not begun',
  copy: 'nothing moved',
  complete: 'triggers, constraints or --after take long',
  commit: 'COMMIT is not answered',
}

/** A sentence: what takes long, for how long, and what its backend on the server does meanwhile. */
export const slownessText = ({ phase, seconds, backend, unasked }: Slowness): string => {
  const doing = `${BY_PHASE[phase] ?? phase} for ${duration(seconds)}`
  if (unasked !== undefined) return `${doing}; its server could not be asked why: ${printable(unasked)}`
  if (backend === undefined) return doing
  const { processId, waitEventType, waitEvent, blockedBy } = backend
  const activity =
    waitEventType === null ? 'is at work' : `waits for ${waitEventType} ${waitEvent ?? ''}`.trim()
  const held = blockedBy.length === 0 ? '' : `, held by process ${blockedBy.join(', ')}`
  return `${doing}; its backend ${processId} ${printable(activity)}${held}`
}
