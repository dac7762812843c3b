import type pg from 'pg'
import type { Session } from './session.js'

/**
 * Listens to what a server reports when it is connected to.
 * @returns tells the version in the form of server_version_num, without its minor part: 150000 for 15.18; undefined as
 *   long as the server has not reported one of that kind
 */
export const reportedVersion = (client: pg.Client): (() => number | undefined) => {
  let version: number | undefined
  client.connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
    if (message.parameterName !== 'server_version') return
    const [major] = /^\d+(?=\.|beta|rc|devel)/.exec(message.parameterValue) ?? []
    if (major !== undefined) version = Number(major) * 10_000
  })
  return () => version
}

/** Asks a server that was connected to before, or did not report its version in that way: 150018 for 15.18. */
export const askVersion = async (session: Pick<Session, 'query'>): Promise<number> => {
  const [row] = await session.query('SHOW server_version_num', 'start')
  return Number(row?.[0])
}
