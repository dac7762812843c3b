import { messageOf } from '../errors/errors.js'
import type { WaitDiagnosis } from './slowness.js'

/** Asks what an end waits for. `gone`: the end is lost, and that is reported in another way. */
export type Diagnose = () => Promise<WaitDiagnosis | 'gone' | undefined> | undefined

/** Asks, and returns the reason as `unasked` where asking failed: a diagnosis that fails is no fault. */
export const diagnosisOf = async (diagnose: Diagnose): Promise<WaitDiagnosis | 'gone' | undefined> => {
  try {
    return await diagnose()
  } catch (error) {
    return { unasked: messageOf(error) }
  }
}
