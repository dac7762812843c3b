import { once } from 'node:events'
import { connect } from 'node:tls'
import type { Certificate } from './certificates.js'
import { type Place, type Relay, relay } from './relay.js'
import { serverTls } from './server-tls.js'

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** A man in the middle: a relay with TLS on both sides, which shows clients a certificate of its own. */
export interface TlsRelay extends Relay {
  readonly port: number
  /** The bytes that each client sent under TLS so far. */
  readonly sent: readonly Buffer[]
}

/** @param certificateOf the certificate that the relay shows to connection `index`, from 0 */
export const startTlsRelay = async (
  server: Place,
  certificateOf: (index: number) => Certificate,
): Promise<TlsRelay> => {
  const sent: Buffer[] = []
  const encrypted = await relay(server, {
    async secure({ number, client, server: behind }) {
      sent[number] = Buffer.alloc(0)
      await once(client, 'data')
      behind.write(SSL_REQUEST)
      await once(behind, 'data')
      const secure = connect({ socket: behind, rejectUnauthorized: false })
      client.write('S')
      return [serverTls(client, certificateOf(number)), secure]
    },
    async *toServer(incoming, { number }) {
      for await (const bytes of incoming) {
        sent[number] = Buffer.concat([sent[number] as Buffer, bytes])
        yield bytes
      }
    },
  })
  return Object.assign(encrypted, { sent, port: encrypted.connection.port })
}
