import { CopyError } from '../../shared/errors/errors.js'
import { SlowWatch } from '../../shared/liveness/progress-monitor.js'
import type { Slowness } from '../../shared/liveness/slowness.js'
import { checkSettings, type SessionSettings } from '../../shared/session/session-settings.js'
import { checkLag, type LagOptions } from '../coordinator/lag-watch.js'
import type { Joining } from '../handles/handle-context.js'
import type { WorkerPool } from '../links/worker-pool.js'
import type { Producer } from '../producers/producer.js'
import type { ReceiverContext } from '../receivers/receiver.js'
import { type RingOptions, ringShape } from '../ring/ring.js'
import { refuseUnknown } from './unknown-option.js'

/** How long things may take, in milliseconds; 0 is no limit, but for `abort`, which needs one. */
export interface Deadlines {
  /** From name lookup to the server's first ReadyForQuery, for each connection; 10,000 unless given. */
  readonly connect?: number
  /**
   * From there until the COPY has begun: BEGIN, settings, a receiver's `before`, and waiting for locks; 60,000 unless
   * given. Past it the statement is cancelled, and it is a fault COPY_TIMEOUT. A source's COPY that computes is no
   * fault: only one of which its server says then that it waits for a lock; on a client of yours nobody asks, so set
   * `lock_timeout` on it.
   */
  readonly start?: number
  /**
   * How long a receiver may take nothing of what it was handed, before that is a fault; 0, never, unless given. It does
   * not apply to a source that is silent.
   */
  readonly stall?: number
  /**
   * From the end of a receiver's data to the end of its transaction: triggers, `after`, constraints, COMMIT, but not the
   * wait for other receivers; 0, no limit, unless given. Past it what runs is cancelled, and it is a fault COPY_TIMEOUT;
   * a COMMIT that is not answered by then is in doubt.
   */
  readonly finish?: number
  /** Bringing a connection back to a message boundary when a copy is given up, before it is closed; 5,000 unless given. */
  readonly abort?: number
  /**
   * Asking a receiver's server what became of a transaction whose COMMIT was not answered, before the receiver is in
   * doubt; 30,000 unless given, 0 for not asking. A copy that is being given up waits for it no longer than `abort`.
   */
  readonly resolve?: number
  /**
   * How long a receiver's worker thread may stand still before it is ended, which is that receiver's fault; 5,000 unless
   * given, 0 for never. A module's function that computes longer than that without a pause must raise it, and so must
   * who halts threads in a debugger.
   */
  readonly thread?: number
  /**
   * How long an end may make no progress before the manager tells of it by its event `slow`; again whenever that has
   * taken twice as long; 10,000 unless given, 0 for never. It is no fault.
   */
  readonly slow?: number
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
  return {
    ...options,
    session: checkSettings(options.session, 'session'),
    deadlines,
    lag: checkLag(options.lag),
  }
}

/** What both ends are told of the options. */
export const contextOf = ({ deadlines, session }: CheckedOptions): ReceiverContext => {
  const { connect, start, finish } = deadlines
  return { connectMs: connect, startMs: start, finishMs: finish, session }
}

/** How long a receiver may take nothing. */
export const patienceOf = ({ deadlines }: CheckedOptions): Pick<Joining, 'stallMs' | 'slowMs'> => ({
  stallMs: deadlines.stall,
  slowMs: deadlines.slow,
})

/** Watches a producer, and tells when nothing comes from it. */
export const watchOf = (
  producer: Producer,
  { deadlines }: CheckedOptions,
  tell: (slowness: Slowness) => void,
): SlowWatch => new SlowWatch(deadlines.slow, () => producer.examine?.(), tell)
