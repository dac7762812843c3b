import type { ConnectionInput } from '../../index.js'
import { queryValue } from '../sql/query-value.js'
import { literal } from '../sql/quote.js'

/** The reason why a target is slow: its server, a lock on its server, or the network to its server. */
export type Obstacle = 'network' | 'server' | 'lock'

/** Only a target that is the bottleneck for this long is target. */
const SUSPECT_MS = 2_000
/** The least time between two probes: each needs a connection. */
const ASK_MS = 5_000
/** The last answers to count: one answer alone may be chance. */
const ANSWERS = 3

/** A target's connection, and the statement that runs there. */
export interface ProbeTarget {
  readonly connection: ConnectionInput
  readonly statement: string
}

interface Activity {
  readonly type: string | null
  readonly event: string | null
}

/** Queries the server of the slowest target, on a connection of its own, for the event that its COPY waits for. */
export class Probe {
  readonly #targets: ReadonlyMap<string, ProbeTarget>
  readonly #signal: AbortSignal
  #suspect: string | undefined
  #since = 0
  #askedAt = 0
  #isAsking = false
  #answers: Obstacle[] = []

  constructor(targets: ReadonlyMap<string, ProbeTarget>, signal: AbortSignal) {
    this.#targets = targets
    this.#signal = signal
  }

  /**
   * Starts a query if one is due.
   * @param suspect the target that is the bottleneck; undefined for none, or for several targets
   * @returns the most frequent obstacle in the last answers; undefined before the first answer
   */
  look(suspect: string | undefined, now: number): Obstacle | undefined {
    if (suspect !== this.#suspect) {
      this.#suspect = suspect
      this.#since = now
      this.#answers = []
    }
    if (suspect === undefined) return undefined
    if (now - this.#since >= SUSPECT_MS && now - this.#askedAt >= ASK_MS && !this.#isAsking) {
      this.#askedAt = now
      this.#ask(suspect)
    }
    return mostFrequent(this.#answers)
  }

  async #ask(suspect: string): Promise<void> {
    const target = this.#targets.get(suspect)
    if (target === undefined) return
    this.#isAsking = true
    try {
      const query = `SELECT json_build_object('type', wait_event_type, 'event', wait_event) FROM pg_stat_activity
        WHERE state = 'active' AND query = ${literal(target.statement)} ORDER BY query_start DESC LIMIT 1`
      const activity = (await queryValue(target.connection, query, this.#signal)) as Activity | undefined
      if (activity !== undefined && suspect === this.#suspect) {
        this.#answers = [...this.#answers, obstacleOf(activity)].slice(-ANSWERS)
      }
    } catch {
      // the answer is an extra: the copy itself notices a server that is gone
    } finally {
      this.#isAsking = false
    }
  }
}

/** A backend that waits for its client waits for the network: all data for it has been sent. */
const obstacleOf = ({ type, event }: Activity): Obstacle => {
  if (event === 'ClientRead') return 'network'
  return type === 'Lock' ? 'lock' : 'server'
}

const mostFrequent = (answers: readonly Obstacle[]): Obstacle | undefined => {
  const times = (one: Obstacle): number => answers.filter((answer) => answer === one).length
  return [...answers].sort((a, b) => times(b) - times(a))[0]
}
