import type { Socket } from 'node:net'
import {
  columns,
  complete,
  copyInResponse,
  copyOutResponse,
  dataRow,
  errorResponse,
  ready,
  welcome,
} from './backend-messages.js'
import { rowsIn } from './copied-rows.js'
import { type Frame, FrameReader } from './frames.js'
import type { Cut, Load, ScriptedServer } from './scripted-server.js'
import { copyData, copyDone, message } from './wire.js'

/** A message from the client. */
export interface ClientMessage extends Frame {
  /** The statement that a Query or an Execute runs. */
  readonly sql?: string
}

const FIRST_TRANSACTION = 700

/** One connection to a scripted server: keeps what the client sent, and answers. */
export class ScriptedSession {
  readonly number: number
  /** Statements that ran, in their order. */
  readonly statements: string[] = []
  /** Bytes on the wire so far. */
  received = 0
  sent = 0
  /** Payload of the COPY FROM that runs, or of the last one. */
  payload: Buffer[] = []
  /** The client's reason in CopyFail. */
  copyFail: string | undefined
  isCancel = false
  isClosed = false
  readonly #server: ScriptedServer
  readonly #socket: Socket
  readonly #report: (error: unknown) => void
  readonly #reader = new FrameReader('client')
  readonly #cut: Cut | undefined
  readonly #queue: Frame[] = []
  #types: string[] = []
  #isBusy = false
  #status: 'I' | 'T' | 'E' = 'I'
  #prepared = ''
  /** The COPY FROM that takes data. */
  #copying: string | undefined
  /** An extended query failed: the session does nothing before the Sync. */
  #isSkipping = false
  /** A script sent only a part of a COPY TO: a cancel request ends that COPY. */
  #isSending = false
  #pending: Load[] = []

  /** @param report takes an error of the script */
  constructor(server: ScriptedServer, number: number, socket: Socket, report: (error: unknown) => void) {
    this.#server = server
    this.number = number
    this.#socket = socket
    this.#report = report
    this.#cut = number === 0 ? server.options.cut : undefined
    socket.on('data', (bytes) => this.#take(bytes))
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.isClosed = true
      this.#rollback()
    })
    if (this.#cut?.bytes === 0) this.cut(this.#cut.how)
  }

  /** Types of the messages in the order in which they came, e.g. `startup Q Q d c Q`. */
  get trace(): string {
    return this.#types.join(' ')
  }

  has(type: string): boolean {
    return this.#types.includes(type)
  }

  get processId(): number {
    return this.number + 1
  }

  /** The transaction's id. */
  get transaction(): string {
    return String(FIRST_TRANSACTION + this.number)
  }

  send(...messages: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(messages)
    const cut = this.#cut
    if (cut?.after !== 'sent' || this.sent + bytes.length < cut.bytes) {
      this.sent += bytes.length
      if (bytes.length > 0 && this.#socket.writable) this.#socket.write(bytes)
      return
    }
    const rest = bytes.subarray(0, Math.max(0, cut.bytes - this.sent))
    this.sent += rest.length
    if (this.#socket.writable) this.#socket.write(rest, () => this.cut(cut.how))
  }

  /** Ends the connection, with a FIN or a RST, and ignores what still comes. */
  cut(how: 'end' | 'reset'): void {
    if (this.isClosed) return
    this.#queue.length = 0
    this.#socket.removeAllListeners('data')
    // libuv resets no socket that is being shut down
    if (how === 'reset' && this.#socket.writableEnded) this.#socket.destroy()
    else if (how === 'reset') this.#socket.resetAndDestroy()
    else this.#socket.resume().end()
    this.#rollback()
  }

  #take(bytes: Buffer): void {
    const cut = this.#cut
    const isLast = cut?.after === 'received' && this.received + bytes.length >= cut.bytes
    const taken = isLast ? bytes.subarray(0, cut.bytes - this.received) : bytes
    this.received += taken.length
    this.#queue.push(...this.#reader.take(taken))
    // the session does what the last bytes asked for, and never answers
    this.#work(isLast).catch((error) => {
      this.cut('reset')
      this.#report(error)
    })
    if (isLast) this.cut(cut.how)
  }

  async #work(isMute: boolean): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) {
      this.#types.push(frame.type)
      const { script } = this.#server.options
      const usual = (): readonly Uint8Array[] => this.#answer(frame as Frame)
      const answer = script?.(this.#described(frame), usual, this) ?? usual()
      const messages = answer instanceof Promise ? await answer : answer
      if (!isMute) this.send(...messages)
    }
    this.#isBusy = false
  }

  #described(frame: Frame): ClientMessage {
    if (frame.type === 'Q') return { ...frame, sql: textOf(frame.body) }
    return frame.type === 'E' ? { ...frame, sql: this.#prepared } : frame
  }

  #answer({ type, body }: Frame): readonly Uint8Array[] {
    if (this.#isSkipping && type !== 'S') return []
    switch (type) {
      case 'ssl':
        return [Buffer.from('N')]
      case 'startup':
        return welcome(this.processId)
      case 'cancel':
        this.isCancel = true
        this.#server.sessions.find(({ processId }) => processId === body.readInt32BE(4))?.cancel()
        this.#socket.end()
        return []
      case 'Q': {
        const answer: Uint8Array[] = []
        for (const sql of textOf(body).split(/;\s*/)) {
          answer.push(...this.#run(sql))
          if (this.#status === 'E') break
        }
        return this.#copying === undefined ? [...answer, ready(this.#status)] : answer
      }
      case 'P':
        this.#prepared = textOf(body.subarray(body.indexOf(0) + 1))
        return [message('1')]
      case 'B':
        return [message('2')]
      case 'D':
        return [/^\s*(select|show)/i.test(this.#prepared) ? columns() : message('n')]
      case 'E':
        // the answer to Describe described the rows
        return this.#run(this.#prepared).filter((bytes) => bytes[0] !== 'T'.charCodeAt(0))
      case 'S':
        this.#isSkipping = false
        this.#isSending = false
        return [ready(this.#status)]
      case 'd':
        if (this.#copying !== undefined) this.payload.push(Buffer.from(body))
        return []
      case 'c':
        return this.#loaded()
      case 'f':
        this.copyFail = textOf(body)
        this.#copying = undefined
        return [...this.#fail('57014', `COPY from stdin failed: ${this.copyFail}`), ready(this.#status)]
      case 'X':
        this.#socket.end()
        return []
      default:
        throw new Error(`message ${JSON.stringify(type)} is not expected here`)
    }
  }

  #run(sql: string): readonly Uint8Array[] {
    this.statements.push(sql)
    const [word = ''] = /^\s*\w+/.exec(sql.toUpperCase()) ?? []
    if (/^\s*rollback to\b/i.test(sql)) this.#status = 'T'
    else if (word === 'COMMIT' || word === 'ROLLBACK') return this.#end(word === 'COMMIT')
    if (this.#status === 'E') return this.#fail('25P02', 'current transaction is aborted')
    if (word === 'BEGIN') {
      this.#status = 'T'
      return [complete('BEGIN')]
    }
    const binary = /\bbinary\b/i.test(sql)
    if (/^\s*copy\b.*\bfrom\s+stdin/is.test(sql)) {
      this.#copying = sql
      this.payload = []
      return [copyInResponse(binary)]
    }
    if (word === 'COPY') {
      const { rows = [], count = rows.length } = this.#server.options
      this.#isSending = true
      return [copyOutResponse(binary), ...rows.map(copyData), copyDone(), complete(`COPY ${count}`)]
    }
    if (word === 'SELECT' || word === 'SHOW') {
      const values = this.#values(sql)
      return [columns(values.length), dataRow(...values), complete('SELECT 1')]
    }
    return [complete(word)]
  }

  #values(sql: string): readonly string[] {
    const { transactions, cluster } = this.#server
    const asked = /pg_xact_status\D*(\d+)/i.exec(sql)?.[1]
    if (asked !== undefined) return [transactions.get(asked) ?? '']
    const values: string[] = []
    if (/pg_current_xact_id/i.test(sql)) {
      transactions.set(this.transaction, 'in progress')
      values.push(this.transaction)
    }
    // after the cluster: timeline, position in the log, start time, clock, and the time since which statistics count
    if (/pg_control_system/i.test(sql)) values.push(cluster, '000000010000000000000001', '0/1', '1', '2', '1')
    return values.length > 0 ? values : ['']
  }

  #loaded(): readonly Uint8Array[] {
    const statement = this.#copying
    // after an error the server ignores what was on its way
    if (statement === undefined) return []
    this.#copying = undefined
    const payload = Buffer.concat(this.payload)
    const rows = rowsIn(payload, /\bbinary\b/i.test(statement))
    this.#pending.push({ statement, payload, rows })
    if (this.#status === 'I') this.#end(true)
    return [complete(`COPY ${rows}`), ready(this.#status)]
  }

  #end(commits: boolean): readonly Uint8Array[] {
    const isCommitted = commits && this.#status !== 'E'
    if (isCommitted) {
      this.#server.loads.push(...this.#pending)
      this.#pending = []
      if (this.#server.transactions.has(this.transaction)) {
        this.#server.transactions.set(this.transaction, 'committed')
      }
    }
    this.#rollback()
    this.#status = 'I'
    return [complete(isCommitted ? 'COMMIT' : 'ROLLBACK')]
  }

  #rollback(): void {
    this.#pending = []
    const { transactions } = this.#server
    if (transactions.get(this.transaction) === 'in progress') transactions.set(this.transaction, 'aborted')
  }

  #fail(sqlState: string, text: string): readonly Uint8Array[] {
    if (this.#status === 'T') this.#status = 'E'
    this.#isSkipping = this.#types.at(-1) === 'E'
    return [errorResponse(sqlState, text)]
  }

  /** A cancel request names this connection: ends a COPY TO that a script did not end. */
  cancel(): void {
    if (!this.#isSending) return
    this.#isSending = false
    this.send(...this.#fail('57014', 'canceling statement due to user request'), ready(this.#status))
  }
}

const textOf = (body: Buffer): string => body.toString('utf8', 0, body.indexOf(0))
