import { type Place, type Relay, relay } from './relay.js'

/** A server behind a line that takes little of what clients send. What the server sends comes unhindered. */
export interface ThrottledServer extends Relay {
  /** From now on nothing is held back. */
  lift(): void
}

/** @param bytesPerSecond what one connection may send */
export const startThrottled = async (server: Place, bytesPerSecond: number): Promise<ThrottledServer> => {
  const lifted = new AbortController()
  const throttled = await relay(server, {
    async *toServer(incoming, line) {
      // nothing more is read during a pause: that fills the kernel's buffers, and then the client's own
      for await (const bytes of incoming) {
        await line.pause((bytes.length / bytesPerSecond) * 1000, lifted.signal)
        yield bytes
      }
    },
  })
  return Object.assign(throttled, { lift: () => lifted.abort() })
}
