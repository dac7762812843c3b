import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, checkServerIdentity } from 'node:tls'
import { CopyError } from '../errors/errors.js'
import type { TlsPolicy } from './tls-policy.js'

/** SSLRequest: a length of 8, and the code 1234.5679. */
export const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

/** The ALPN protocol name of PostgreSQL, needed where TLS begins without SSLRequest. */
export const ALPN = 'postgresql'

/** Codes of a broken connection, which is no fault of TLS. */
const BROKEN = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED']

/**
 * Reads the one byte that answers SSLRequest. Any further bytes were sent unencrypted, possibly by an attacker, and must
 * not be read as if they had come encrypted (CVE-2021-23222).
 * @returns why TLS cannot begin; undefined where it can
 */
export const refusalOf = (answer: Buffer, { asked }: TlsPolicy): CopyError | undefined => {
  if (answer.length === 1 && answer[0] === 0x53) return undefined
  const why =
    answer[0] === 0x45
      ? 'the server answered the request for TLS with an error; before TLS nothing proves who sent it'
      : answer.length > 1
        ? `the server sent ${answer.length} bytes where one answers the request for TLS: somebody may sit between`
        : answer[0] === 0x4e
          ? `the server does not offer TLS, which ${asked} asks for`
          : `the server answered the request for TLS with byte ${answer[0]}, which is neither S nor N`
  return new CopyError('COPY_TLS', why, { phase: 'connect' })
}

/** Whether the answer is exactly the byte by which a server refuses TLS. */
export const isNo = (answer: Buffer): boolean => answer.length === 1 && answer[0] === 0x4e

/** Options for node's `connect`. Functions are made here, in the thread of the socket: they cannot be posted to a worker. */
export const tlsOptions = (socket: Socket, host: string, policy: TlsPolicy): ConnectionOptions => ({
  socket,
  host,
  ...policy.options,
  ...CHECKS[policy.check](host),
  ...(policy.negotiation === 'direct' && { ALPNProtocols: [ALPN] }),
  // an address must not be sent as a name (RFC 6066, 3)
  ...(policy.sni && isIP(host) === 0 && { servername: host }),
})

const CHECKS: { readonly [C in TlsPolicy['check']]: (host: string) => ConnectionOptions } = {
  'as-given': () => ({}),
  nothing: () => ({ rejectUnauthorized: false }),
  authority: () => ({ rejectUnauthorized: true, checkServerIdentity: () => undefined }),
  // node falls back to `localhost` where it finds no name; here the name is always the intended host
  name: (host) => ({
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  }),
}

/** The error of a failed handshake: COPY_TLS, or COPY_CONNECT when the connection broke. */
export const handshakeFault = (error: unknown): CopyError => {
  const { code, message } = error as { code?: string; message: string }
  const broke = code === undefined || BROKEN.includes(code)
  return new CopyError(broke ? 'COPY_CONNECT' : 'COPY_TLS', message, { phase: 'connect', cause: error })
}

/** pg's option `ssl` as a policy with the same meaning. pg hides `key` from enumeration, so `key` is copied by name. */
export const tlsAsGiven = (
  ssl: true | ConnectionOptions,
  negotiation: TlsPolicy['negotiation'],
): TlsPolicy => ({
  asked: 'ssl',
  attempts: ['tls'],
  check: 'as-given',
  options: ssl === true ? {} : { ...ssl, ...(ssl.key !== undefined && { key: ssl.key }) },
  sni: true,
  negotiation,
})
