import type pg from 'pg'
import type { CopyPhase } from '../../../shared/errors/codes.js'
import { CopyError } from '../../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'
import { checkStatement, rowsOfTag } from '../../../shared/session/copy-statement.js'
import type { StatementSession } from '../../../shared/session/session.js'
import { checkSettings, type SessionSettings } from '../../../shared/session/session-settings.js'
import { checkClient, isPool } from '../../clients/client-check.js'
import { WasmDeframer } from '../../ring/deframer.js'
import type { Producer, ProducerContext, ProducerEnd } from '../producer.js'
import type { ProducerStream } from '../producer-stream.js'
import { ProducerTotals } from '../producer-totals.js'
import { ClientSource } from './client-source.js'
import { CopyOut, type CopyOutEnd } from './copy-out.js'
import { CopyOutIntake } from './copy-out-intake.js'
import { OwnSource, type OwnSourceOptions } from './own-source.js'
import { PoolSource } from './pool-source.js'
import type { Feed, Source } from './source.js'

/** A source on a connection of ours. */
export interface FromConnection extends OwnSourceOptions {
  readonly client?: undefined
}

/** A source on a pg.Client of yours. */
export interface FromClient {
  /**
   * A connected pg.Client of yours: copyman never begins, commits or ends anything on it, and its settings stay yours.
   * Below REPEATABLE READ, or outside a transaction, it gives one pass only. Do not use it until the copy is over.
   */
  readonly client: pg.Client
  readonly connection?: undefined
  readonly session?: undefined
}

/** A source on a client of your pg.Pool. */
export interface FromPool {
  /**
   * A pg.Pool of yours: a client is checked out for the copy, in a read-only transaction of ours with one snapshot, and
   * released when the copy is over; a client that cannot be used again is removed from the pool.
   */
  readonly client: pg.Pool
  readonly connection?: undefined
  /** Server settings in that transaction; they win over those of the copy. */
  readonly session?: SessionSettings
}

/** Exactly one of `connection` and `client`. */
export type StatementProducerOptions = (FromConnection | FromClient | FromPool) & {
  /** One `COPY … TO STDOUT`, in any format. */
  readonly statement: string
  readonly name?: string
}

/**
 * Runs `COPY … TO STDOUT`: on a connection of its own, in a read-only transaction with one snapshot that stays open
 * until every receiver is final, where the kernel reads straight into the ring unless the connection is encrypted; or on
 * a user's client as it stands, by its socket's `data` events.
 */
export class StatementProducer extends ProducerTotals implements Producer {
  readonly name: string
  readonly statement: string
  readonly #client: pg.Client | undefined
  readonly #source: Source
  #context: ProducerContext | undefined
  #feed: Feed | undefined
  #session: StatementSession | undefined
  /** The pass under way, or the last one. */
  #copyOut: CopyOut | undefined

  /** @throws CopyError COPY_OPTION for a statement, connection or client that cannot work */
  constructor(options: StatementProducerOptions) {
    super()
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

  /** The user's client that it runs on, if any. */
  get client(): pg.Client | undefined {
    return this.#client
  }

  get canRepeat(): boolean {
    return this.#source.canRepeat
  }

  get phase(): CopyPhase {
    return this.#copyOut?.phase ?? 'connect'
  }

  open(context: ProducerContext): Promise<void> {
    this.#context = context
    return this.#source.open(context)
  }

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    this.#feed ??= this.#makeFeed(stream)
    const copyOut = new CopyOut(stream, this.#feed.intake, this.#context as ProducerContext)
    this.#copyOut = copyOut
    const session = await this.#source.begin(this.#feed)
    this.#session = session
    try {
      const end = await copyOut.run(session, this.statement, () => this.diagnose())
      return { command: end.tag, rows: this.#checkRows(end, stream.writer.totals.messages) }
    } finally {
      copyOut.whenOver(() => this.#source.release?.())
    }
  }

  /** Cancels the COPY and reads on until the connection is aligned; destroys it when that takes longer than the deadline. */
  async abort(deadlineMs: number): Promise<void> {
    this.#feed?.intake.discard()
    this.#source.cancel?.()
    await this.#copyOut?.cancel(deadlineMs)
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#source.close(deadlineMs)
  }

  async diagnose(): Promise<WaitDiagnosis | 'gone' | undefined> {
    return this.#source.diagnose?.()
  }

  #makeFeed({ ring }: ProducerStream): Feed {
    const intake = new CopyOutIntake(ring, new WasmDeframer(ring.memory))
    return {
      intake,
      isStopped: () => this.#copyOut?.isStopped ?? true,
      connected: () => this.#copyOut?.connected(),
      broken: (error) => {
        intake.discard()
        this.#copyOut?.fail(error)
        this.#session?.destroy()
      },
    }
  }

  /** Every row came as one message; a HEADER line and the trailer of the binary format are further messages. */
  #checkRows({ tag, isBinary }: CopyOutEnd, messages: number): number {
    const rows = rowsOfTag(tag)
    const extra = messages - rows
    const header = /\bheader\b/i.test(this.statement)
    if (isBinary ? extra === 1 : extra === 0 || (header && extra === 1)) return rows
    throw new CopyError(
      'COPY_COUNT_MISMATCH',
      `the source says ${JSON.stringify(tag)} but sent ${messages} CopyData messages`,
      { phase: 'complete' },
    )
  }
}
