/** Which backend serves a connection, and of which run of its server: behind a balancer another may answer. */
export interface BackendId {
  readonly processId: number
  readonly serverStart: string
}

/** @param row what `BACKEND_ID` gave; undefined when the server gave nothing of the kind */
export const toBackendId = (row: readonly (string | null)[] | undefined): BackendId | undefined => {
  const [processId, serverStart] = row ?? []
  const isId = typeof serverStart === 'string' && /^\d{1,10}$/.test(processId ?? '')
  return isId ? { processId: Number(processId), serverStart } : undefined
}

/** SQL for when the postmaster was started, as text that no setting of a session changes. */
export const SERVER_START = 'extract(epoch from pg_catalog.pg_postmaster_start_time())'

/** What to select to learn the own backend's id. Behind a pooler BackendKeyData says something else. */
export const BACKEND_ID = ['pg_catalog.pg_backend_pid()', SERVER_START]
