import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import pg from 'pg'
import { CopyError } from '../errors/errors.js'
import { AuthGuard, asAuthFault } from './auth-guard.js'
import { KEEPALIVE_MS } from './connection-parameters.js'
import type { AuthPolicy, TlsPolicy } from './tls-policy.js'
import { ALPN, handshakeFault, isNo, refusalOf, SSL_REQUEST, tlsOptions } from './tls-upgrade.js'

/** What pg's connection offers beyond its types. */
interface PgConnection extends pg.Connection {
  stream: Duplex
  connect(portOrPath: number | string, host?: string): void
  upgradeToSSL(host: string | undefined, report: (error: Error) => void): void
  attachListeners(stream: Duplex): void
  cancel(processId: number, secretKey: number): void
}
const PgConnection = pg.Connection as unknown as new (config: object) => PgConnection

export interface ServerConnectionOptions {
  /** The name that the certificate must contain. */
  readonly host: string
  /** Default: not encrypted. */
  readonly tls?: TlsPolicy | undefined
  readonly auth?: AuthPolicy | undefined
  /** Options of pg, e.g. `stream`. Keepalive is on. */
  readonly pg?: object
}

const DEFAULT_AUTH: AuthPolicy = { channelBinding: 'prefer' }

/** Events of the connection itself, as opposed to messages of the server. */
const OWN_EVENTS = ['connect', 'sslconnect', 'error', 'end', 'message', 'newListener', 'removeListener']

/**
 * pg's connection with two differences. Nothing is sent, not even a user's name, before TLS is established and the server
 * is checked. And pg sees no message before the session is open out of its order (`AuthGuard`). `guardWire` handles
 * messages that pg cannot parse. pg gets the option that TLS is `direct`, so that it leaves the whole negotiation to
 * `upgradeToSSL`.
 */
export class ServerConnection extends PgConnection {
  readonly #options: ServerConnectionOptions
  readonly #guard: AuthGuard
  #isRefused = false
  #tlsFailed = false

  constructor(options: ServerConnectionOptions) {
    super({
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_MS,
      ...options.pg,
      ...(options.tls && { ssl: true, sslNegotiation: 'direct' }),
    })
    this.#options = options
    this.#guard = new AuthGuard(options.auth ?? DEFAULT_AUTH, options.tls !== undefined)
  }

  get isEncrypted(): boolean {
    return this.#options.tls !== undefined
  }

  /** Whether the server refused TLS, or the handshake failed: the policy may allow an attempt without TLS then. */
  get tlsFailed(): boolean {
    return this.#tlsFailed
  }

  /** Another connection to the same server, under the same policy. */
  sibling(): ServerConnection {
    const { host, tls } = this.#options
    return new ServerConnection({ host, tls })
  }

  override upgradeToSSL(_: string | undefined, report: (error: Error) => void): void {
    const policy = this.#options.tls as TlsPolicy
    const socket = this.stream as Socket
    if (policy.negotiation === 'direct') {
      this.#shakeHands(socket, policy, report)
      return
    }
    socket.once('data', (answer) => {
      const refusal = refusalOf(answer, policy)
      this.#tlsFailed = isNo(answer)
      if (refusal) this.#refuse(refusal)
      else this.#shakeHands(socket, policy, report)
    })
    socket.write(SSL_REQUEST)
  }

  #shakeHands(socket: Socket, policy: TlsPolicy, report: (error: Error) => void): void {
    let stream: TLSSocket
    try {
      stream = connect(tlsOptions(socket, this.#options.host, policy))
    } catch (error) {
      this.#refuse(new CopyError('COPY_TLS', (error as Error).message, { phase: 'connect', cause: error }))
      return
    }
    this.stream = stream
    let isSecure = false
    stream.on('error', (error) => {
      this.#tlsFailed ||= !isSecure && 'code' in error
      report(isSecure ? error : handshakeFault(error))
    })
    stream.once('secureConnect', () => {
      isSecure = true
      if (policy.negotiation === 'direct' && stream.alpnProtocol !== ALPN) {
        const sentence = 'the server does not know sslnegotiation=direct: it chose no protocol by ALPN'
        this.#refuse(new CopyError('COPY_TLS', sentence, { phase: 'connect' }))
        return
      }
      this.attachListeners(stream)
      this.emit('sslconnect')
    })
  }

  override emit(name: string | symbol, ...args: unknown[]): boolean {
    if (this.#guard.isOpen) return super.emit(name, ...args)
    if (name === 'error') {
      // after any failure the connection is refused, and later messages of the server are ignored
      this.#isRefused = true
      return super.emit('error', asAuthFault(args[0]))
    }
    if (OWN_EVENTS.includes(name as string)) return super.emit(name, ...args)
    if (this.#isRefused) return false
    const refusal = this.#guard.refusal(name as string, args[0] as object)
    if (refusal === undefined) return super.emit(name, ...args)
    this.#refuse(refusal)
    return false
  }

  #refuse(error: CopyError): void {
    this.emit('error', error)
    this.stream.destroy()
  }
}
