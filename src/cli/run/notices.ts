import type { CopyManager } from '../../index.js'
import type { Reporter } from '../report/reporter.js'

/** A trigger may say something about every row: so many of each end are enough to know. */
const MOST_NOTICES = 20

/** Tells what servers say on their own account while a copy runs. */
export const tellServerEvents = (manager: CopyManager, reporter: Reporter): void => {
  const told = new Map<string, number>()
  manager.on('notice', (notice, receiver) => {
    const name = receiver ?? manager.producer.name
    const times = (told.get(name) ?? 0) + 1
    told.set(name, times)
    if (times <= MOST_NOTICES) reporter.notice(name, notice)
    if (times === MOST_NOTICES) reporter.noticesSuppressed(name)
  })
  manager.on('slow', (slowness, receiver) => reporter.slow(receiver ?? manager.producer.name, slowness))
}
