import { withDeadline } from '../../shared/async/deadline.js'
import type { Session } from '../../shared/session/session.js'

/**
 * What a COMMIT that was sent comes to, unless its answer takes longer: then its connection is given up.
 * @param leftMs what is left of `finishMs`, which is 0 for no limit
 * @throws CopyError COPY_CONNECTION_LOST then
 */
export const commitWithin = <T>(
  committing: Promise<T>,
  session: Session,
  finishMs: number,
  leftMs: number,
): Promise<T> =>
  withDeadline(committing, finishMs && Math.max(1, leftMs), () => {
    const why = `COMMIT was not answered within ${finishMs} ms of finishing (deadlines.finish)`
    session.lose(why)
    return session.fault(new Error(why), 'commit')
  })
