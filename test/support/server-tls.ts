import type { Socket } from 'node:net'
import { TLSSocket, type TLSSocketOptions } from 'node:tls'
import { type Certificate, certificateText } from './certificates.js'

/** The server's side of TLS on a connection whose client begins a handshake now. */
export const serverTls = (
  client: Socket,
  certificate: Certificate,
  options: TLSSocketOptions = {},
): TLSSocket =>
  new TLSSocket(client, {
    isServer: true,
    cert: certificateText(`${certificate}.crt`),
    key: certificateText(`${certificate}.key`),
    ...options,
  })
