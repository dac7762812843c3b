import type { ConnectionInput } from '../../index.js'
import { queryValue } from '../sql/query-value.js'
import { literal } from '../sql/quote.js'

/** What keeps a target from taking more: its server, a lock there, or the network before it. */
export type Obstacle = 'network' | 'server' | 'lock'

/** Who has held the others back for so long is worth a question. */
const SUSPECT_MS = 2_000
/** A question takes a connection: so seldom. */
const ASK_MS = 5_000
/** Answers that count: what one moment shows may be chance. */
const ANSWERS = 3

/** How to reach a target, and what runs there. */
export interface Probed {
  readonly connection: ConnectionInput
  readonly statement: string
}

interface Activity {
  readonly type: string | null
  readonly event: string | null
}

/** Asks the server of a target that holds the others back what its COPY waits for, on another connection, now and then. */
export class Probe {
  readonly #targets: ReadonlyMap<string, Probed>
  readonly #signal: AbortSignal
  #suspect: string | undefined
  #since = 0
  #askedAt = 0
  #isAsking = false
  #answers: Obstacle[] = []

  constructor(targets: ReadonlyMap<string, Probed>, signal: AbortSignal) {
    this.#targets = targets
    this.#signal = signal
  }

  /**
   * @param suspect the one that holds the others back, if it is one
   * @returns what is known of it: what most of the last answers say
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
    return most(this.#answers)
  }

  async #ask(suspect: string): Promise<void> {
    const probed = this.#targets.get(suspect)
    if (probed === undefined) return
    this.#isAsking = true
    try {
      const query = `SELECT json_build_object('type', wait_event_type, 'event', wait_event) FROM pg_stat_activity
        WHERE state = 'active' AND query = ${literal(probed.statement)} ORDER BY query_start DESC LIMIT 1`
      const activity = (await queryValue(probed.connection, query, this.#signal)) as Activity | undefined
      if (activity !== undefined && suspect === this.#suspect) {
        this.#answers = [...this.#answers, obstacleOf(activity)].slice(-ANSWERS)
      }
    } catch {
      // it is only to tell more: the copy itself has its own ways to find out that a server is gone
    } finally {
      this.#isAsking = false
    }
  }
}

/** A backend that waits for its client to send waits for the network: whatever we have is on its way. */
const obstacleOf = ({ type, event }: Activity): Obstacle => {
  if (event === 'ClientRead') return 'network'
  return type === 'Lock' ? 'lock' : 'server'
}

const most = (answers: readonly Obstacle[]): Obstacle | undefined => {
  const times = (one: Obstacle): number => answers.filter((answer) => answer === one).length
  return [...answers].sort((a, b) => times(b) - times(a))[0]
}
