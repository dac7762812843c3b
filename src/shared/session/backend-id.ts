/** Which backend serves a connection, and in which run of its server: through a balancer another server may answer. */
export interface BackendId {
  readonly processId: number
  readonly serverStart: string
}

/** @param row the values of `BACKEND_ID` @returns undefined when the server sent anything else */
export const toBackendId = (row: readonly (string | null)[] | undefined): BackendId | undefined => {
  const [processId, serverStart] = row ?? []
  const isId = typeof serverStart === 'string' && /^\d{1,10}$/.test(processId ?? '')
  return isId ? { processId: Number(processId), serverStart } : undefined
}

/** SQL for the start time of the postmaster, as text that no setting of a session changes. */
export const SERVER_START = 'extract(epoch from pg_catalog.pg_postmaster_start_time())'

/** SQL expressions for the session's own backend id. Through a pooler, BackendKeyData has another process id. */
export const BACKEND_ID = ['pg_catalog.pg_backend_pid()', SERVER_START]
