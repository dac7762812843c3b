import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { type Certificate, certificateText } from './certificates.js'

const SSL_REQUEST = 80877103
const CANCEL_REQUEST = 80877102

/** What one connection did. */
interface Heard {
  /** Requests without a type, in the clear and under TLS. */
  readonly requests: ('ssl' | 'cancel' | 'startup')[]
  /** Bytes that came in the clear, SSLRequest itself aside, and bytes that came under TLS. */
  plainBytes: number
  tlsBytes: number
  /** Messages that answer a request for authentication. */
  readonly answers: Buffer[]
  /** The name that was sent in the clear (SNI). */
  servername?: string | false
  /** Settles when nothing more can come. */
  readonly closed: Promise<unknown>
}

/** A client that said hello, to which a script speaks. */
export interface Peer {
  readonly stream: Duplex
  send(...messages: Buffer[]): void
  /** The body of the next message that answers a request for authentication. */
  answer(): Promise<Buffer>
}

export interface AuthScript {
  /** What answers SSLRequest: these bytes, or `S` and then TLS with a certificate, which is the default. */
  readonly answer?: string
  readonly certificate?: Certificate
  /** TLS begins at once. */
  readonly direct?: boolean
  /** By which names the server knows PostgreSQL in ALPN. */
  readonly alpn?: readonly string[]
  /** What follows the startup message; nothing unless given. */
  readonly start?: (peer: Peer) => Promise<void> | void
}

/** A server that says of the start of a connection what a real one cannot be made to say, and counts what it is told. */
export interface AuthServer {
  readonly port: number
  readonly heard: readonly Heard[]
  close(): Promise<void>
}

export const startAuthServer = async (script: AuthScript): Promise<AuthServer> => {
  const heard: Heard[] = []
  const sockets = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (socket) => {
    const closed = new Promise((resolve) => socket.on('close', resolve))
    const told: Heard = { requests: [], plainBytes: 0, tlsBytes: 0, answers: [], closed }
    heard.push(told)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    if (script.direct) encrypt(socket, script, told)
    else listen(socket, script, told)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    heard,
    async close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}

const encrypt = (socket: Socket, script: AuthScript, told: Heard): void => {
  const certificate = script.certificate ?? 'addressed'
  const secure = new TLSSocket(socket, {
    isServer: true,
    cert: certificateText(`${certificate}.crt`),
    key: certificateText(`${certificate}.key`),
    ...(script.alpn && { ALPNProtocols: [...script.alpn] }),
    SNICallback: (name, done) => {
      told.servername = name
      done(null)
    },
  })
  secure.on('error', () => socket.destroy())
  listen(secure, script, told)
}

const listen = (stream: Duplex, script: AuthScript, told: Heard): void => {
  let rest = Buffer.alloc(0)
  let isStarted = false
  const waiting: ((body: Buffer) => void)[] = []
  const take = (bytes: Buffer): void => {
    rest = Buffer.concat([rest, bytes])
    if (stream instanceof TLSSocket) told.tlsBytes += bytes.length
    else told.plainBytes += bytes.length
    while (!isStarted && rest.length >= 8 && rest.length >= rest.readInt32BE(0)) {
      const [length, code] = [rest.readInt32BE(0), rest.readInt32BE(4)]
      rest = rest.subarray(length)
      told.requests.push(code === SSL_REQUEST ? 'ssl' : code === CANCEL_REQUEST ? 'cancel' : 'startup')
      if (code === SSL_REQUEST) {
        told.plainBytes -= length
        stream.write(script.answer ?? 'S')
        if (script.answer !== undefined) continue
        stream.off('data', take)
        encrypt(stream as Socket, script, told)
        return
      }
      if (code === CANCEL_REQUEST) {
        stream.end()
        return
      }
      isStarted = true
      const send = (...messages: Buffer[]): void => void stream.write(Buffer.concat(messages))
      const answer = (): Promise<Buffer> => new Promise((resolve) => waiting.push(resolve))
      Promise.resolve(script.start?.({ stream, send, answer })).catch(() => stream.destroy())
    }
    while (isStarted && rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const end = 1 + rest.readInt32BE(1)
      if (rest[0] === 0x70) {
        told.answers.push(rest.subarray(5, end))
        waiting.shift()?.(rest.subarray(5, end))
      }
      rest = rest.subarray(end)
    }
  }
  stream.on('data', take)
}

const message = (type: string, ...parts: (string | Buffer)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const header = Buffer.alloc(5)
  header.write(type)
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

const code = (number: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(number)
  return bytes
}

/** Messages of a connection's start. */
export const say = {
  ok: message('R', code(0)),
  cleartext: message('R', code(3)),
  md5: message('R', code(5), 'salt'),
  kerberos: message('R', code(7)),
  sasl: (...mechanisms: string[]) => message('R', code(10), ...mechanisms.map((name) => `${name}\0`), '\0'),
  saslContinue: (data: string) => message('R', code(11), data),
  saslFinal: (data: string) => message('R', code(12), data),
  ready: message('Z', 'I'),
  key: message('K', code(7), code(8)),
  error: (sqlState: string, text: string) => message('E', `SFATAL\0VFATAL\0C${sqlState}\0M${text}\0\0`),
}

/** The nonce in the client's first SCRAM message. */
export const nonceOf = (answer: Buffer): string => /r=([^,]+)/.exec(answer.toString())?.[1] ?? ''
