import type pg from 'pg'
import { settlesWithin } from '../../../shared/async/deadline.js'
import type { CopyPhase } from '../../../shared/errors/codes.js'
import { CopyError } from '../../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'
import type { CopyCommand } from '../../../shared/session/copy-command.js'
import { checkStatement, rowsOfTag } from '../../../shared/session/copy-statement.js'
import type { StatementSession } from '../../../shared/session/session.js'
import { checkSettings, type SessionSettings } from '../../../shared/session/session-settings.js'
import { sideConnectionMs, startTimeout } from '../../../shared/session/step-deadlines.js'
import { cancelRequest } from '../../../shared/wire/cancel-request.js'
import { checkClient, isPool } from '../../clients/client-check.js'
import type { Producer, ProducerContext, ProducerEnd } from '../producer.js'
import type { ProducerStream } from '../producer-stream.js'
import { ClientSource } from './client-source.js'
import { CopyOutIntake } from './copy-out-intake.js'
import { withLockTimeout } from './lock-timeout.js'
import { OwnSource, type OwnSourceOptions } from './own-source.js'
import { PoolSource } from './pool-source.js'
import type { Deliver, Feed, Source } from './source.js'

/** A source on a connection of ours. */
export interface FromConnection extends OwnSourceOptions {
  readonly client?: undefined
}

/** A source on a pg.Client of yours. */
export interface FromClient {
  /**
   * A connected pg.Client of yours: it is never begun, committed or ended, and its settings stay yours. Below
   * REPEATABLE READ, or outside a transaction, it gives one pass only. Do not use it until the copy is over.
   */
  readonly client: pg.Client
  readonly connection?: undefined
  readonly session?: undefined
}

/** A source on a client of your pg.Pool. */
export interface FromPool {
  /**
   * A pg.Pool of yours: a client is checked out for the copy, in a read-only transaction of ours with one snapshot, and
   * released when the copy is over; one that cannot be used again is removed from the pool.
   */
  readonly client: pg.Pool
  readonly connection?: undefined
  /** Server settings in that transaction; they win over those of the copy. */
  readonly session?: SessionSettings
}

/** Exactly one of `connection` and `client`. */
export type StatementProducerOptions = (FromConnection | FromClient | FromPool) & {
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
  #connectMs = 0
  #startMs = 0
  #phase: CopyPhase = 'connect'
  /** The cancel request of a statement that ran past its deadline. */
  #cancelling: Promise<void> | undefined

  /** @throws CopyError COPY_OPTION for a statement, connection or client that cannot work */
  constructor(options: StatementProducerOptions) {
    this.statement = checkStatement(options.statement, 'from.statement')
    const client = checkClient(options, 'from')
    if (client === undefined) {
      this.#source = new OwnSource(options as FromConnection)
    } else if (isPool(client)) {
      this.#source = new PoolSource(client, checkSettings(options.session, 'from.session'))
    } else {
      this.#client = client
      this.#source = new ClientSource(client)
    }
    this.name = options.name ?? 'source'
  }

  /** The user's client that it runs on, if it does. */
  get client(): pg.Client | undefined {
    return this.#client
  }

  get canRepeat(): boolean {
    return this.#source.canRepeat
  }

  get phase(): CopyPhase {
    return this.#phase
  }

  open(context: ProducerContext): Promise<void> {
    this.#connectMs = context.connectMs
    this.#startMs = context.startMs
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
    let began = performance.now()
    const feed: Feed = {
      intake,
      isStopped: () => this.#stream?.isStopped ?? true,
      connected: () => {
        began = performance.now()
        this.#phase = 'start'
      },
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
      const startMs = this.#startMs && Math.max(1, this.#startMs - (performance.now() - began))
      const starting = Promise.race([command.started, failed])
      const diagnose = () => this.diagnose()
      const late = (blockedBy: readonly number[]) => this.#locked(session, blockedBy)
      if ((await withLockTimeout(starting, startMs, diagnose, late)) === 'in') {
        command.fail('copyman expected COPY TO STDOUT')
        await Promise.race([command.finished.catch(() => undefined), failed])
        throw new CopyError(
          'COPY_OPTION',
          'from.statement is a COPY FROM; a producer needs COPY … TO STDOUT',
          { phase: 'start' },
        )
      }
      this.#phase = 'copy'
      stream.started()
      const tag = await Promise.race([command.finished, failed])
      await stream.flush()
      return { command: tag, rows: this.#checkRows(tag, stream.writer.totals.messages, binary) }
    } catch (error) {
      throw session.fault(error, this.#phase)
    } finally {
      this.#fail = undefined
      connection.off('copyOutResponse', onCopyOut)
      // a statement that is being cancelled has messages to come
      if (this.#cancelling === undefined) this.#source.passed?.()
      else command.finished.catch(() => undefined).then(() => this.#source.passed?.())
    }
  }

  /** Cancels the COPY and reads on until the connection is aligned; closes it when the server does not come to an end. */
  async abort(deadlineMs: number): Promise<void> {
    const session = this.#session
    this.#intake?.discard()
    this.#source.stop?.()
    if (this.#cancelling !== undefined) return this.#cancelled(this.#cancelling, deadlineMs)
    if (session === undefined || this.#command === undefined || this.#command.isAligned) return
    const timer = setTimeout(() => session.destroy(), deadlineMs)
    session.socket.resume()
    await cancelRequest(session.client, Math.min(deadlineMs, sideConnectionMs(this.#connectMs)))
    await this.#command.finished.catch(() => undefined)
    clearTimeout(timer)
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#source.close(deadlineMs)
  }

  async diagnose(): Promise<WaitDiagnosis | 'gone' | undefined> {
    return this.#source.diagnose?.()
  }

  /** Waits for a statement that is being cancelled, and for the request: later, that could hit another of its user's. */
  async #cancelled(cancelling: Promise<void>, deadlineMs: number): Promise<void> {
    const settled = Promise.allSettled([cancelling, this.#command?.finished])
    if (!(await settlesWithin(settled, deadlineMs))) this.#session?.destroy()
  }

  #locked(session: StatementSession, blockedBy: readonly number[]): CopyError {
    this.#cancelling = cancelRequest(session.client, sideConnectionMs(this.#connectMs))
    return startTimeout(session.server, this.#startMs, `it waits for a lock behind ${blockedBy.join(', ')}`)
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
