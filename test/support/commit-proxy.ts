import type { Socket } from 'node:net'
import { type Place, type Relay, relay } from './relay.js'
import { message } from './wire.js'

/** A COMMIT that was not passed on: the two sockets of its connection, and the message. */
export interface Caught {
  readonly client: Socket
  readonly behind: Socket
  readonly message: Buffer
  /** What the relay does with what the server sends from now on; `cut`: the relay cuts the connection instead. */
  answer: 'pass' | 'cut' | 'swallow'
}

/** A server behind a relay that hands the first COMMIT to the test. All else is passed on, later ones too. */
export interface CommitProxy extends Relay {
  /** New connections lead there from now on; undefined: the relay closes them at once. */
  goTo(server: Place | undefined): void
}

const COMMIT = message('Q', 'COMMIT\0')
export const ROLLBACK = message('Q', 'ROLLBACK\0')

/** Passes the COMMIT on, and the connection is cut instead of its answer. */
export const cutTheAnswer = (caught: Caught): void => {
  caught.answer = 'cut'
  caught.behind.write(caught.message)
}

/** Both sides are cut before the server has heard of the COMMIT. */
export const cutTheRequest = ({ client, behind }: Caught): void => {
  client.destroy()
  behind.destroy()
}

/** The server answers, and the client never hears it. */
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
