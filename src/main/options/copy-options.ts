import { CopyError } from '../../shared/errors/errors.js'
import { checkSettings, type SessionSettings } from '../../shared/session/session-settings.js'
import type { WorkerPool } from '../links/worker-pool.js'
import { type RingOptions, ringShape } from '../ring/ring.js'
import type { Deadlines } from './deadlines.js'
import type { LagOptions } from './lag-options.js'
import { checkLag } from './lag-options.js'
import { refuseUnknown } from './unknown-option.js'

export interface CopyManagerOptions {
  /** Aborts the copy; its reason becomes the cause of CopyAborted. */
  readonly signal?: AbortSignal
  /**
   * `barrier`, unless given: nobody commits before everybody is complete. `each`: each commits as soon as it is
   * complete and its rows are counted.
   */
  readonly atomicity?: 'barrier' | 'each'
  readonly ring?: RingOptions
  /** What becomes of a receiver that is slower than the others; `{ policy: 'block' }`, they wait, unless given. */
  readonly lag?: LagOptions
  /** Worker threads to use, shared with other copies; its own unless given. */
  readonly pool?: WorkerPool
  /** Server settings for both ends, such as `{ work_mem: '256MB' }`. */
  readonly session?: SessionSettings
  readonly deadlines?: Deadlines
}

const KNOWN = ['signal', 'ring', 'pool', 'session', 'deadlines', 'atomicity', 'lag']
const DEFAULT_DEADLINES = {
  connect: 10_000,
  start: 60_000,
  stall: 0,
  finish: 0,
  abort: 5_000,
  resolve: 30_000,
  thread: 5_000,
  slow: 10_000,
}
const ATOMICITIES = ['barrier', 'each']
const MAX_MS = 2 ** 31 - 1

/** Options with the defaults filled in. */
export interface CheckedOptions extends CopyManagerOptions {
  readonly session: SessionSettings
  readonly deadlines: Required<Deadlines>
  readonly lag: LagOptions
}

/**
 * Checks the options of a copy.
 * @throws CopyError COPY_OPTION naming the option, its problem and what is legal
 */
export const checkOptions = (options: CopyManagerOptions): CheckedOptions => {
  refuseUnknown(options, KNOWN, 'option')
  refuseUnknown(options.ring ?? {}, ['slots', 'slotBytes'], 'option ring.')
  refuseUnknown(options.deadlines ?? {}, Object.keys(DEFAULT_DEADLINES), 'option deadlines.')
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw new CopyError('COPY_OPTION', 'signal must be an AbortSignal')
  }
  if (options.atomicity !== undefined && !ATOMICITIES.includes(options.atomicity)) {
    throw new CopyError(
      'COPY_OPTION',
      `atomicity must be one of ${ATOMICITIES.join(', ')}, not ${String(options.atomicity)}`,
    )
  }
  ringShape(options.ring)
  const deadlines = { ...DEFAULT_DEADLINES, ...options.deadlines }
  if (deadlines.abort === 0)
    throw new CopyError('COPY_OPTION', 'deadlines.abort must be at least 1 millisecond, not 0')
  for (const [name, value] of Object.entries(deadlines)) {
    if (typeof value !== 'number' || !(value >= 0 && value <= MAX_MS)) {
      throw new CopyError(
        'COPY_OPTION',
        `deadlines.${name} must be milliseconds from 0 to ${MAX_MS}, not ${String(value)}`,
      )
    }
  }
  return {
    ...options,
    session: checkSettings(options.session, 'session'),
    deadlines,
    lag: checkLag(options.lag),
  }
}
