import { type Place, type Relay, type Route, relay } from './relay.js'

/** A relay that leads each new connection where the test wants, and whose connections can fall silent. */
export interface Switchboard extends Relay {
  /** Where connections lead from now on. */
  route(to: Route): void
  /** From now on nothing passes on the open connections, in either direction, not even the end of a connection. */
  freeze(): void
}

export const startSwitchboard = async (server: Place): Promise<Switchboard> => {
  let to: Route = server
  const board = await relay(server, { route: () => to })
  return Object.assign(board, {
    route(next: Route) {
      to = next
    },
    freeze() {
      for (const line of board.lines) line.freeze()
    },
  })
}
