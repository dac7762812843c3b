import { type ConnectionInput, copy } from '../../index.js'

/** What a catalog says fits into little memory. */
const RING = { slots: 4, slotBytes: 64 * 1024 }

/**
 * Asks a server one question: by a COPY of ours, so that connecting, TLS, passwords and deadlines are those of a copy.
 * @param query gives one row with one value, made by `json_build_object` or its like
 * @returns the value; undefined when there is no row, or it is null
 * @throws CopyFailed, CopyAborted
 */
export const queryValue = async (
  connection: ConnectionInput,
  query: string,
  signal: AbortSignal,
): Promise<unknown> => {
  let hex = ''
  // hex has no character that COPY would escape
  const statement = `COPY (SELECT encode(convert_to(answer::text, 'UTF8'), 'hex') FROM (${query}) AS question (answer)) TO STDOUT`
  await copy({
    from: { connection, statement },
    to: [
      ({ bytes }) => {
        hex += Buffer.from(bytes).toString('latin1')
      },
    ],
    ring: RING,
    signal,
  })
  const line = hex.trimEnd()
  return line === '' || line === '\\N' ? undefined : JSON.parse(Buffer.from(line, 'hex').toString('utf8'))
}
