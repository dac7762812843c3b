import { CopyError } from '../errors/errors.js'
import type { AuthMethod, AuthPolicy } from './tls-policy.js'

type Stage = 'waiting' | 'asked' | 'offered' | 'challenged' | 'proved' | 'authenticated' | 'open'

/** The order of messages before a session is open (PostgreSQL manual, 54.2.1): message → allowed stages, next stage. */
const STEPS: Readonly<Record<string, readonly [from: readonly Stage[], to: Stage]>> = {
  authenticationCleartextPassword: [['waiting'], 'asked'],
  authenticationMD5Password: [['waiting'], 'asked'],
  authenticationSASL: [['waiting'], 'offered'],
  authenticationSASLContinue: [['offered'], 'challenged'],
  authenticationSASLFinal: [['challenged'], 'proved'],
  authenticationOk: [['waiting', 'asked', 'proved'], 'authenticated'],
  parameterStatus: [['authenticated'], 'authenticated'],
  backendKeyData: [['authenticated'], 'authenticated'],
  readyForQuery: [['authenticated'], 'open'],
}

const METHODS: Readonly<Record<string, AuthMethod>> = {
  authenticationCleartextPassword: 'password',
  authenticationMD5Password: 'md5',
  authenticationSASL: 'scram-sha-256',
  authenticationOk: 'none',
}

/** Error text where the connection has no password. */
export const NO_PASSWORD = 'the server asks for a password, and none was given'

const ANY_TIME = ['errorMessage', 'notice']
const BINDING_MECHANISM = 'SCRAM-SHA-256-PLUS'
const NO_BINDING = `channel_binding=require: the server does not offer ${BINDING_MECHANISM} on an encrypted connection`

/**
 * Checks each message before the session is open, before pg acts on the message. pg itself accepts an AuthenticationOk
 * before the server has proved that it knows the password, and sends a password to any server that asks.
 */
export class AuthGuard {
  readonly #policy: AuthPolicy
  readonly #encrypted: boolean
  #stage: Stage = 'waiting'

  constructor(policy: AuthPolicy, encrypted: boolean) {
    this.#policy = policy
    this.#encrypted = encrypted
  }

  /** Whether the session is open. From then on messages are not checked. */
  get isOpen(): boolean {
    return this.#stage === 'open'
  }

  /** @returns why pg must not see this message; undefined where pg may */
  refusal(name: string, message: { mechanisms?: readonly string[] }): CopyError | undefined {
    if (ANY_TIME.includes(name)) return undefined
    const from = this.#stage
    const [stages, to] = STEPS[name] ?? [[], from]
    if (!stages.includes(from)) return outOfOrder(name, from)
    this.#stage = to
    return from === 'waiting' ? this.#unwanted(METHODS[name], message.mechanisms ?? []) : undefined
  }

  #unwanted(method: AuthMethod | undefined, mechanisms: readonly string[]): CopyError | undefined {
    const { channelBinding, methods } = this.#policy
    if (method !== undefined && methods?.includes(method) === false) {
      const asks = method === 'none' ? 'does not authenticate us at all' : `asks for ${method}`
      const sentence = `the server ${asks}; require_auth allows ${methods.join(', ')}`
      return new CopyError('COPY_CONNECT', sentence, { phase: 'connect' })
    }
    const binds = this.#encrypted && mechanisms.includes(BINDING_MECHANISM)
    return channelBinding !== 'require' || binds
      ? undefined
      : new CopyError('COPY_TLS', NO_BINDING, { phase: 'connect' })
  }
}

const outOfOrder = (name: string, stage: Stage): CopyError => {
  const unproved = name === 'authenticationOk' && (stage === 'offered' || stage === 'challenged')
  const sentence = unproved
    ? 'the server let us in without proving that it knows the password'
    : `the server sent ${name} where it does not belong`
  return new CopyError('COPY_PROTOCOL', sentence, { phase: 'connect' })
}

/** Turns pg's error about a failed SCRAM exchange into a CopyError; returns any other error unchanged. */
export const asAuthFault = (error: unknown): unknown => {
  if (!(error instanceof Error) || !error.message.startsWith('SASL: ')) return error
  const facts = { phase: 'connect', cause: error } as const
  if (error.message.includes('client password must be')) {
    return new CopyError('COPY_CONNECT', NO_PASSWORD, facts)
  }
  const code = error.message.includes('Only mechanism') ? 'COPY_CONNECT' : 'COPY_PROTOCOL'
  return new CopyError(code, error.message, facts)
}
