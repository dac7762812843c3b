import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { ready } from './backend-messages.js'
import type { Certificate } from './certificates.js'
import { FrameReader } from './frames.js'
import { listen } from './listener.js'
import { serverTls } from './server-tls.js'
import { message } from './wire.js'

/** What one client sent. */
interface Heard {
  /** Messages that open a connection, in the clear and under TLS. */
  readonly requests: ('ssl' | 'cancel' | 'startup')[]
  /** Bytes in the clear, SSLRequest itself excluded, and bytes under TLS. */
  plainBytes: number
  tlsBytes: number
  /** Messages that answer a request for authentication. */
  readonly answers: Buffer[]
  /** The host name that the client sent in the clear (SNI). */
  servername?: string | false
  /** Settles when the connection is closed. */
  readonly closed: Promise<unknown>
}

/** A client that sent its startup message, to which a script speaks. */
export interface Peer {
  readonly stream: Duplex
  send(...messages: Buffer[]): void
  /** The body of the next message that answers a request for authentication. */
  answer(): Promise<Buffer>
}

export interface AuthScript {
  /** The answer to SSLRequest, as bytes. Default: `S`, then TLS with the certificate. */
  readonly answer?: string
  /** Default: `addressed`. */
  readonly certificate?: Certificate
  /** TLS begins at once, without SSLRequest. */
  readonly direct?: boolean
  /** The protocols that the server takes in ALPN. */
  readonly alpn?: readonly string[]
  /** Answers the startup message. Default: no answer. */
  readonly start?: (peer: Peer) => Promise<void> | void
}

/**
 * A server with a script for the start of a connection, which may answer as no real server does. Keeps what each client
 * sent.
 */
export interface AuthServer {
  readonly port: number
  readonly heard: readonly Heard[]
  close(): Promise<void>
}

export const startAuthServer = async (script: AuthScript): Promise<AuthServer> => {
  const heard: Heard[] = []
  const listener = await listen((socket, _, { fail }) => {
    const closed = new Promise((resolve) => socket.on('close', resolve))
    const told: Heard = { requests: [], plainBytes: 0, tlsBytes: 0, answers: [], closed }
    heard.push(told)
    const begin = (peer: Peer): void => {
      Promise.resolve(script.start?.(peer)).catch((error) => {
        socket.destroy()
        fail(error)
      })
    }
    if (script.direct) encrypt(socket, script, told, begin)
    else hear(socket, script, told, begin)
  })
  return { port: listener.port, heard, close: () => listener.close() }
}

type Begin = (peer: Peer) => void

const encrypt = (socket: Socket, script: AuthScript, told: Heard, begin: Begin): void => {
  const secure = serverTls(socket, script.certificate ?? 'addressed', {
    ...(script.alpn && { ALPNProtocols: [...script.alpn] }),
    SNICallback: (name, done) => {
      told.servername = name
      done(null)
    },
  })
  secure.on('error', () => socket.destroy())
  hear(secure, script, told, begin)
}

const hear = (stream: Duplex, script: AuthScript, told: Heard, begin: Begin): void => {
  const reader = new FrameReader('client')
  const waiting: ((body: Buffer) => void)[] = []
  const peer: Peer = {
    stream,
    send: (...messages) => void stream.write(Buffer.concat(messages)),
    answer: () => new Promise((resolve) => waiting.push(resolve)),
  }
  const take = (bytes: Buffer): void => {
    told[stream instanceof TLSSocket ? 'tlsBytes' : 'plainBytes'] += bytes.length
    for (const { type, bytes: request, body } of reader.take(bytes)) {
      if (type === 'ssl' || type === 'cancel' || type === 'startup') told.requests.push(type)
      if (type === 'ssl') {
        told.plainBytes -= request.length
        stream.write(script.answer ?? 'S')
        if (script.answer !== undefined) continue
        stream.off('data', take)
        encrypt(stream as Socket, script, told, begin)
        return
      }
      if (type === 'cancel') stream.end()
      if (type === 'startup') begin(peer)
      if (type !== 'p') continue
      told.answers.push(body)
      waiting.shift()?.(body)
    }
  }
  stream.on('data', take)
}

const int32 = (number: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(number)
  return bytes
}

/** A request for authentication, by its code. */
const authentication = (code: number, ...parts: string[]): Buffer =>
  message('R', Buffer.concat([int32(code), ...parts.map((part) => Buffer.from(part))]))

/** Messages of a connection's start. */
export const say = {
  ok: authentication(0),
  cleartext: authentication(3),
  md5: authentication(5, 'salt'),
  kerberos: authentication(7),
  sasl: (...mechanisms: string[]) => authentication(10, ...mechanisms.map((name) => `${name}\0`), '\0'),
  saslContinue: (data: string) => authentication(11, data),
  saslFinal: (data: string) => authentication(12, data),
  ready: ready('I'),
  key: message('K', Buffer.concat([int32(7), int32(8)])),
  error: (sqlState: string, text: string) => message('E', `SFATAL\0VFATAL\0C${sqlState}\0M${text}\0\0`),
}

/** The nonce in the client's first SCRAM message. */
export const nonceOf = (answer: Buffer): string => /r=([^,]+)/.exec(answer.toString())?.[1] ?? ''
