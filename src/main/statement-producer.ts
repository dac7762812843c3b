import type { Socket } from 'node:net'
import type { ConnectionData } from '../shared/connection-data.js'
import { CopyError } from '../shared/errors.js'
import { Session } from '../shared/session.js'
import { applySettings, checkSettings, type SessionSettings } from '../shared/session-settings.js'
import { checkStatement, rowsOfTag } from '../shared/statement.js'
import { cancelRequest } from './cancel-request.js'
import { type CheckedConnection, type ConnectionInput, checkConnection } from './connection-input.js'
import { CopyOutIntake } from './copy-out-intake.js'
import type { Producer, ProducerContext, ProducerEnd } from './producer.js'
import { intercept, socketIntoRing } from './producer-socket.js'
import type { ProducerStream } from './producer-stream.js'

export interface StatementProducerOptions {
  /** Where the source is: a URL, a libpq keyword string, or a pg.ClientConfig. */
  readonly connection: ConnectionInput
  /** One `COPY … TO STDOUT`; it may bear any format. */
  readonly statement: string
  readonly name?: string
  /** Server settings on this connection; they win over those of the copy. */
  readonly session?: SessionSettings
}

/**
 * Runs `COPY … TO STDOUT` on a connection of its own, in a read-only transaction with one snapshot that stays open
 * until every receiver is final. On an unencrypted connection the kernel reads straight into the ring.
 */
export class StatementProducer implements Producer {
  readonly name: string
  readonly canRepeat = true
  readonly statement: string
  readonly #connection: CheckedConnection
  readonly #settings: SessionSettings
  #data: ConnectionData | undefined
  #session: Session | undefined
  #intake: CopyOutIntake | undefined
  #stream: ProducerStream | undefined
  #fail: ((error: Error) => void) | undefined
  #context: ProducerContext | undefined
  #finished: Promise<unknown> | undefined

  /** @throws CopyError COPY_OPTION for a statement or connection that cannot work */
  constructor(options: StatementProducerOptions) {
    this.statement = checkStatement(options.statement, 'from.statement')
    this.#settings = checkSettings(options.session, 'from.session')
    this.#connection = checkConnection(options.connection, 'from.connection')
    this.name = options.name ?? 'source'
  }

  async open(context: ProducerContext): Promise<void> {
    this.#context = context
    this.#data = await this.#connection.resolve()
  }

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    this.#stream = stream
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    failed.catch(() => undefined)
    const session = this.#session ?? (await this.#connect(stream))
    const intake = this.#intake as CopyOutIntake
    intake.expect(stream.writer)
    const command = session.copy(this.statement, 'extended')
    this.#finished = command.finished
    let binary = false
    session.client.connection.once('copyOutResponse', (message: { binary: boolean }) => {
      binary = message.binary
    })
    try {
      if ((await Promise.race([command.started, failed])) === 'in') {
        command.fail('copyman expected COPY TO STDOUT')
        throw new CopyError(
          'COPY_OPTION',
          'from.statement is a COPY FROM; a producer needs COPY … TO STDOUT',
          { phase: 'start' },
        )
      }
      stream.started()
      const tag = await Promise.race([command.finished, failed])
      await stream.flush()
      return { command: tag, rows: this.#checkRows(tag, stream.writer.totals.messages, binary) }
    } catch (error) {
      throw session.fault(error, 'copy')
    } finally {
      this.#fail = undefined
    }
  }

  /** Cancels the COPY and reads on until the connection is aligned; closes it when the server does not come to an end. */
  async abort(deadlineMs: number): Promise<void> {
    const session = this.#session
    this.#intake?.discard()
    if (session === undefined || this.#finished === undefined) return
    const { processID, secretKey } = session.client as unknown as { processID: number; secretKey: number }
    const timer = setTimeout(() => session.destroy(), deadlineMs)
    session.socket.resume()
    await cancelRequest(this.#data as ConnectionData, { processID, secretKey }, deadlineMs)
    await this.#finished.catch(() => undefined)
    clearTimeout(timer)
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#session?.end(deadlineMs)
  }

  async #connect(stream: ProducerStream): Promise<Session> {
    const data = this.#data as ConnectionData
    const context = this.#context as ProducerContext
    let deliver: (bytes: Buffer) => void = () => undefined
    const intake = new CopyOutIntake(stream.ring, stream.deframer, (bytes) => deliver(bytes))
    this.#intake = intake
    const feed = {
      intake,
      isStopped: () => this.#stream?.isStopped ?? true,
      broken: (error: CopyError) => this.#broken(error),
    }
    const makeSocket = (): Socket => {
      const socket = socketIntoRing(feed)
      deliver = (bytes) => socket.emit('data', bytes)
      return socket
    }
    const session = await Session.open(data, {
      connectMs: context.connectMs,
      ...(!data.ssl && { makeSocket }),
    })
    this.#session = session
    if (data.ssl) deliver = intercept(session.socket, feed)
    session.onServerEvent(context.event)
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', 'start')
    await applySettings(session, { ...context.session, ...this.#settings })
    return session
  }

  #broken(error: CopyError): void {
    this.#intake?.discard()
    this.#fail?.(error)
    this.#session?.destroy()
  }

  /** Every row came as one message, a HEADER line and the trailer of the binary format besides. */
  #checkRows(tag: string, messages: number, binary: boolean): number {
    const rows = rowsOfTag(tag)
    const extra = messages - rows
    const header = /\bheader\b/i.test(this.statement)
    if (binary ? extra === 1 : extra === 0 || (header && extra === 1)) return rows
    throw new CopyError(
      'COPY_COUNT_MISMATCH',
      `the source says ${JSON.stringify(tag)} but sent ${messages} CopyData messages`,
      { phase: 'complete' },
    )
  }
}
