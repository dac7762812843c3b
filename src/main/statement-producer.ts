import type pg from 'pg'
import { cancelRequest } from '../shared/cancel-request.js'
import type { CopyCommand } from '../shared/copy-command.js'
import { CopyError } from '../shared/errors.js'
import { checkStatement, rowsOfTag } from '../shared/statement.js'
import { ClientSession } from './client-session.js'
import { checkClient } from './client-target.js'
import { CopyOutIntake } from './copy-out-intake.js'
import type { Producer, ProducerContext, ProducerEnd } from './producer.js'
import {
  type Deliver,
  type Feed,
  intercept,
  OwnSource,
  type OwnSourceOptions,
  type Source,
  type StatementSession,
} from './producer-socket.js'
import type { ProducerStream } from './producer-stream.js'

interface OnConnection extends OwnSourceOptions {
  readonly client?: undefined
}

interface OnClient {
  /**
   * A connected pg.Client of yours: it is never begun, committed or ended, and its settings stay yours. Below
   * REPEATABLE READ, or outside a transaction, it gives one pass only. Do not use it until the copy is over.
   */
  readonly client: pg.Client
  readonly connection?: undefined
  readonly session?: undefined
}

/** Exactly one of `connection` and `client`. */
export type StatementProducerOptions = (OnConnection | OnClient) & {
  /** One `COPY … TO STDOUT`; it may bear any format. */
  readonly statement: string
  readonly name?: string
}

/**
 * Runs `COPY … TO STDOUT`: on a connection of its own, in a read-only transaction with one snapshot that stays open
 * until every receiver is final, where the kernel reads straight into the ring unless it is encrypted; or on a user's
 * client as it stands, by its socket's `data` events.
 */
export class StatementProducer implements Producer {
  readonly name: string
  readonly statement: string
  totalMessages = 0
  totalBytes = 0
  count: number | undefined
  command: string | undefined
  readonly #client: pg.Client | undefined
  readonly #source: Source
  #deliver: Deliver = () => undefined
  #session: StatementSession | undefined
  #intake: CopyOutIntake | undefined
  #stream: ProducerStream | undefined
  #fail: ((error: Error) => void) | undefined
  #command: CopyCommand | undefined

  /** @throws CopyError COPY_OPTION for a statement, connection or client that cannot work */
  constructor(options: StatementProducerOptions) {
    this.statement = checkStatement(options.statement, 'from.statement')
    this.#client = checkClient(options, 'from')
    this.#source =
      this.#client === undefined ? new OwnSource(options as OnConnection) : new ClientSource(this.#client)
    this.name = options.name ?? 'source'
  }

  /** The user's client that it runs on, if it does. */
  get client(): pg.Client | undefined {
    return this.#client
  }

  get canRepeat(): boolean {
    return this.#source.canRepeat
  }

  open(context: ProducerContext): Promise<void> {
    return this.#source.open(context)
  }

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    this.#stream = stream
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    failed.catch(() => undefined)
    this.#intake ??= new CopyOutIntake(stream.ring, stream.deframer, (bytes) => this.#deliver(bytes))
    const intake = this.#intake
    const feed: Feed = {
      intake,
      isStopped: () => this.#stream?.isStopped ?? true,
      broken: (error) => this.#broken(error),
    }
    const session = await this.#source.begin(feed, (deliver) => {
      this.#deliver = deliver
    })
    this.#session = session
    if (stream.isStopped) throw new CopyError('COPY_STATE', 'the copy was given up', { phase: 'start' })
    intake.expect(stream.writer)
    let binary = false
    const onCopyOut = (message: { binary: boolean }): void => {
      binary = message.binary
    }
    const { connection } = session.client
    connection.on('copyOutResponse', onCopyOut)
    const command = session.copy(this.statement, 'extended')
    this.#command = command
    try {
      if ((await Promise.race([command.started, failed])) === 'in') {
        command.fail('copyman expected COPY TO STDOUT')
        await Promise.race([command.finished.catch(() => undefined), failed])
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
      connection.off('copyOutResponse', onCopyOut)
      this.#source.passed?.()
    }
  }

  /** Cancels the COPY and reads on until the connection is aligned; closes it when the server does not come to an end. */
  async abort(deadlineMs: number): Promise<void> {
    const session = this.#session
    this.#intake?.discard()
    this.#source.stop?.()
    if (session === undefined || this.#command === undefined || this.#command.isAligned) return
    const timer = setTimeout(() => session.destroy(), deadlineMs)
    session.socket.resume()
    await cancelRequest(session.client, deadlineMs)
    await this.#command.finished.catch(() => undefined)
    clearTimeout(timer)
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#source.close(deadlineMs)
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

const ONE_SNAPSHOT = ['repeatable read', 'serializable']

/** A user's client, in whatever transaction it is. */
class ClientSource implements Source {
  readonly #client: pg.Client
  #session: ClientSession | undefined
  #canRepeat = false
  #undo: (() => void) | undefined

  constructor(client: pg.Client) {
    this.#client = client
  }

  /** Known after `open`. */
  get canRepeat(): boolean {
    return this.#canRepeat
  }

  async open(context: ProducerContext): Promise<void> {
    this.#session = new ClientSession(this.#client, context.event)
    const { status, isolation } = await this.#session.examine('producer')
    this.#canRepeat = status === 'T' && ONE_SNAPSHOT.includes(isolation)
  }

  async begin(feed: Feed, deliverTo: (deliver: Deliver) => void): Promise<ClientSession> {
    const session = this.#session as ClientSession
    session.requireIdle()
    const { deliver, undo } = intercept(session.socket, feed)
    this.#undo = undo
    deliverTo(deliver)
    return session
  }

  passed(): void {
    this.#undo?.()
    this.#undo = undefined
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#session?.end(deadlineMs)
  }
}
