import pg from 'pg'
import { CopyError } from '../../shared/errors/errors.js'
import { isClient } from './client-session.js'

/** Not by its class: a program may have loaded more than one copy of pg. */
export const isPool = (client: unknown): client is pg.Pool => {
  const { idleCount, connect } = (client ?? {}) as Partial<pg.Pool>
  return client instanceof pg.Pool || (idleCount !== undefined && typeof connect === 'function')
}

/**
 * Checks that the options have exactly one of `connection` and `client`.
 * @returns the client or pool; undefined for a connection
 * @throws CopyError COPY_OPTION for both or neither, and for a client that is neither a pg.Client nor a pg.Pool
 */
export const checkClient = (
  options: { readonly connection?: unknown; readonly client?: unknown; readonly session?: unknown },
  where: string,
): pg.Client | pg.Pool | undefined => {
  const { connection, client, session } = options
  if ((connection === undefined) === (client === undefined)) {
    throw new CopyError('COPY_OPTION', `give exactly one of ${where}.connection and ${where}.client`)
  }
  if (client === undefined) return undefined
  const isPooled = isPool(client)
  if (!isPooled && !isClient(client)) {
    throw new CopyError('COPY_OPTION', `${where}.client must be a connected pg.Client or a pg.Pool`)
  }
  if (isPooled ? (client.options as pg.PoolConfig | undefined)?.pipeline : client.pipeline) {
    throw new CopyError('COPY_OPTION', `${where}.client is in pipeline mode, in which pg runs no COPY`)
  }
  if (!isPooled && session !== undefined) {
    throw new CopyError(
      'COPY_OPTION',
      `${where}.session does not apply to a pg.Client of yours; set these settings on the client`,
    )
  }
  return client
}
