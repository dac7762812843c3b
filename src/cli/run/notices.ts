import type { CopyManager } from '../../index.js'
import type { Reporter } from '../report/reporter.js'

/** Notices to print for each end: a trigger may send one for every row. */
const MAX_NOTICES = 20

/** Reports notices of the servers, and ends that make no progress, while a copy runs. */
export const reportServerEvents = (manager: CopyManager, reporter: Reporter): void => {
  const counts = new Map<string, number>()
  manager.on('notice', (notice, receiver) => {
    const name = receiver ?? manager.producer.name
    const times = (counts.get(name) ?? 0) + 1
    counts.set(name, times)
    if (times <= MAX_NOTICES) reporter.notice(name, notice)
    if (times === MAX_NOTICES) reporter.noticesSuppressed(name)
  })
  manager.on('slow', (slowness, receiver) => reporter.slow(receiver ?? manager.producer.name, slowness))
}
