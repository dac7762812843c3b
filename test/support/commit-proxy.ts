import type { Socket } from 'node:net'
import { type Place, type Relay, relay } from './relay.js'
import { message } from './wire.js'

/** A COMMIT that the relay kept, and the two sockets of its connection. */
export interface Caught {
  readonly client: Socket
  readonly behind: Socket
  readonly message: Buffer
  /** What the relay does with the server's next bytes; `cut`: the relay cuts the connection in their place. */
  answer: 'pass' | 'cut' | 'swallow'
}

/** A server behind a relay that hands the first COMMIT to the test. The relay passes on all else, later COMMITs too. */
export interface CommitProxy extends Relay {
  /** New connections lead there from now on; undefined: the relay closes them at once. */
  goTo(server: Place | undefined): void
}

const COMMIT = message('Q', 'COMMIT\0')
export const ROLLBACK = message('Q', 'ROLLBACK\0')

/** Passes the COMMIT on, and cuts the connection in the place of the answer. */
export const cutTheAnswer = (caught: Caught): void => {
  caught.answer = 'cut'
  caught.behind.write(caught.message)
}

/** Cuts both sides before the server receives the COMMIT. */
export const cutTheRequest = ({ client, behind }: Caught): void => {
  client.destroy()
  behind.destroy()
}

/** Passes the COMMIT on, and drops the answer. */
export const swallowTheAnswer = (caught: Caught): void => {
  caught.answer = 'swallow'
  caught.behind.write(caught.message)
}

export const startCommitProxy = async (
  server: Place,
  atCommit: (caught: Caught) => unknown,
): Promise<CommitProxy> => {
  let target: Place | undefined = server
  let caught: Caught | undefined
  const proxy = await relay(server, {
    route: () => target ?? 'closed',
    async *toServer(incoming, { client, server: behind }) {
      for await (const bytes of incoming) {
        // the client waited for this moment: the message comes alone
        if (caught !== undefined || !bytes.equals(COMMIT)) {
          yield bytes
        } else {
          caught = { client, behind, message: bytes, answer: 'pass' }
          await atCommit(caught)
        }
      }
    },
    async *toClient(incoming, { client }) {
      for await (const bytes of incoming) {
        const answer = caught?.client === client ? caught.answer : 'pass'
        if (answer === 'cut') return
        if (answer === 'pass') yield bytes
      }
    },
  })
  return Object.assign(proxy, {
    goTo(server: Place | undefined) {
      target = server
    },
  })
}
