import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import pg from 'pg'
import { CopyError } from '../errors/errors.js'
import { AuthGuard, asAuthFault } from './auth-guard.js'
import { KEEPALIVE_MS } from './connection-parameters.js'
import type { AuthPolicy, TlsPolicy } from './tls-policy.js'
import { ALPN, handshakeFault, isNo, refusalOf, SSL_REQUEST, tlsOptions } from './tls-upgrade.js'

/** pg's connection as it is, beyond its types. */
interface PgConnection extends pg.Connection {
  stream: Duplex
  connect(portOrPath: number | string, host?: string): void
  upgradeToSSL(host: string | undefined, report: (error: Error) => void): void
  attachListeners(stream: Duplex): void
  cancel(processId: number, secretKey: number): void
}
const PgConnection = pg.Connection as unknown as new (config: object) => PgConnection

export interface ServerConnectionOptions {
  /** Whom the certificate must name. */
  readonly host: string
  /** Plain unless given. */
  readonly tls?: TlsPolicy | undefined
  readonly auth?: AuthPolicy | undefined
  /** pg's own, such as `stream`. Keepalive is on. */
  readonly pg?: object
}

const DEFAULT_AUTH: AuthPolicy = { channelBinding: 'prefer' }

/** What a connection tells of itself, besides the messages of the server. */
const OWN_EVENTS = ['connect', 'sslconnect', 'error', 'end', 'message', 'newListener', 'removeListener']

/**
 * pg's connection, but that nothing is sent, not even a user's name, before TLS stands and the server is checked, and
 * that pg sees no message of the start out of its order. What pg cannot parse is for `guardWire`. pg is told that TLS is `direct`, so it leaves all of the negotiation to `upgradeToSSL`.
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

  /** Whether the server said No to TLS, or the handshake failed: where the policy allows it, plain is the next to try. */
  get tlsFailed(): boolean {
    return this.#tlsFailed
  }

  /** Another one to the same server, under the same policy. */
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
      // whatever failed, the start is over: what the server sends behind it is not listened to
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
