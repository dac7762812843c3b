import type { ProducerEnd } from '../producers/producer.js'
import type { Moved } from '../ring/slice-totals.js'
import type { CopyClock } from './copy-clock.js'
import type { Passes } from './passes.js'

/** How far a copy is. */
export interface CopyProgress {
  /** Number of the pass under way, from 1. */
  readonly pass: number
  /** What the pass under way has moved. */
  readonly totals: Moved
  /** What the first pass moved, and the producer's report of its end. */
  readonly first: Moved & { readonly end?: ProducerEnd }
  readonly seconds: number
  readonly openSeconds: number
}

export const progressOf = (
  { number, totals, first }: Passes,
  { seconds, openSeconds }: CopyClock,
): CopyProgress => ({ pass: number, totals, first, seconds, openSeconds })
