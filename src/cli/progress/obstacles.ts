import type { BackendState, ReceiverStats, WaitDiagnosis } from '../../index.js'

/** The reason why a target is slow: its server, a lock on its server, or the network to its server. */
export type Obstacle = 'network' | 'server' | 'lock'

/** The last answers to count: one answer alone may be chance. */
const ANSWERS = 3

/** The obstacle of the slowest target, from the last answers of its server. */
export class Obstacles {
  #name: string | undefined
  #last: WaitDiagnosis | undefined
  #answers: Obstacle[] = []

  /** @returns the most frequent obstacle in the last answers; undefined before the first answer */
  of({ name, diagnosis }: ReceiverStats): Obstacle | undefined {
    if (name !== this.#name) {
      this.#name = name
      this.#answers = []
    }
    // stats repeat an answer until the next one comes
    if (diagnosis?.backend !== undefined && diagnosis !== this.#last) {
      this.#last = diagnosis
      this.#answers = [...this.#answers, obstacleOf(diagnosis.backend)].slice(-ANSWERS)
    }
    return mostFrequent(this.#answers)
  }
}

/** A backend that waits for its client waits for the network: all data for it has been sent. */
const obstacleOf = ({ waitEvent, waitEventType }: BackendState): Obstacle => {
  if (waitEvent === 'ClientRead') return 'network'
  return waitEventType === 'Lock' ? 'lock' : 'server'
}

const mostFrequent = (answers: readonly Obstacle[]): Obstacle | undefined => {
  const times = (one: Obstacle): number => answers.filter((answer) => answer === one).length
  return [...answers].sort((a, b) => times(b) - times(a))[0]
}
