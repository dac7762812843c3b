import { CopyError } from '../shared/errors.js'
import { checkSettings, type SessionSettings } from '../shared/session-settings.js'
import { type RingOptions, ringShape } from './ring.js'
import type { WorkerPool } from './worker-pool.js'

/** How long things may take, in milliseconds; 0 is no limit, but for `abort`. */
export interface Deadlines {
  /** Connecting and authenticating, for each connection; 10,000 unless given. */
  readonly connect?: number
  /** How long a receiver may take nothing of what it was handed, before that is a fault; 0, never, unless given. */
  readonly stall?: number
  /** Bringing a connection back to a message boundary when a copy is given up, before it is closed; 5,000 unless given. */
  readonly abort?: number
}

export interface CopyManagerOptions {
  /** Aborts the copy; its reason becomes the cause of CopyAborted. */
  readonly signal?: AbortSignal
  /**
   * `barrier`, unless given: nobody commits before everybody is complete. `each`: each commits as soon as it is
   * complete and its rows are counted.
   */
  readonly atomicity?: 'barrier' | 'each'
  readonly ring?: RingOptions
  /** Worker threads to use, shared with other copies; its own unless given. */
  readonly pool?: WorkerPool
  /** Server settings for both ends, such as `{ work_mem: '256MB' }`. */
  readonly session?: SessionSettings
  readonly deadlines?: Deadlines
}

const KNOWN = ['signal', 'ring', 'pool', 'session', 'deadlines', 'atomicity']
const DEFAULT_DEADLINES = { connect: 10_000, stall: 0, abort: 5_000 }
const ATOMICITIES = ['barrier', 'each']
const MAX_MS = 2 ** 31 - 1

/** Options with the defaults filled in. */
export interface CheckedOptions extends CopyManagerOptions {
  readonly session: SessionSettings
  readonly deadlines: Required<Deadlines>
}

/**
 * Checks the options of a copy.
 * @throws CopyError COPY_OPTION naming the option, its problem and what is legal
 */
export const checkOptions = (
  options: CopyManagerOptions,
  alsoKnown: readonly string[] = [],
): CheckedOptions => {
  refuseUnknown(options, [...KNOWN, ...alsoKnown], 'option')
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
  return { ...options, session: checkSettings(options.session, 'session'), deadlines }
}

const refuseUnknown = (options: object, known: readonly string[], what: string): void => {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new CopyError(
        'COPY_OPTION',
        `${what}${what.endsWith('.') ? '' : ' '}${name} is unknown; known are ${known.join(', ')}`,
      )
    }
  }
}
