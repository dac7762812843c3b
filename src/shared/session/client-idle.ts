import type pg from 'pg'

/** Whether pg's client is at a message boundary and runs nothing: pg keeps the flag, its types do not have it. */
export const isIdle = (client: pg.Client): boolean =>
  (client as pg.Client & { readonly readyForQuery?: boolean }).readyForQuery === true

/** Resolves when the client is idle, or its connection is closed. */
export const untilIdle = async (client: pg.Client, closed: Promise<void>): Promise<void> => {
  if (isIdle(client)) return
  let onReady: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    onReady = resolve
    client.connection.once('readyForQuery', onReady)
  })
  try {
    await Promise.race([ready, closed])
  } finally {
    client.connection.removeListener('readyForQuery', onReady)
  }
}
