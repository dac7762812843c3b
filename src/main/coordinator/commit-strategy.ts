import type { ReceiverHandle } from '../handles/receiver-handle.js'

/** In which order receivers that are complete are committed. */
export interface CommitStrategy {
  /**
   * Commits the receivers that are complete and have something to commit. A COMMIT that fails is its receiver's fault.
   * @param isCancelled whether no further COMMIT is to be sent
   */
  commit(handles: readonly ReceiverHandle[], isCancelled: () => boolean): Promise<void>
}

const isReady = ({ state, completion }: ReceiverHandle): boolean =>
  state === 'completed' && completion?.commits === true

/** All at once: no receiver waits for another one's COMMIT. */
export const together: CommitStrategy = {
  async commit(handles) {
    await Promise.all(handles.filter(isReady).map((handle) => handle.commit()))
  },
}

/** One after another, up to the first that fails: as little as possible is committed then. */
export const oneByOne: CommitStrategy = {
  async commit(handles, isCancelled) {
    const ready = handles.filter(isReady)
    for (const handle of ready) {
      // another receiver may have failed during the last COMMIT: its fault comes first, and its runner answers no COMMIT
      if (isCancelled() || !isReady(handle) || ready.some(({ state }) => state === 'faulted')) return
      await handle.commit()
      if (handle.state !== 'committed') return
    }
  },
}
