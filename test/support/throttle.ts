import { type Place, type Relay, relay } from './relay.js'

/** A server behind a slow line: only the bytes that clients send are slow. */
export interface ThrottledServer extends Relay {
  /** Removes the limit, at once. */
  lift(): void
}

/** @param bytesPerSecond limit of one connection */
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
