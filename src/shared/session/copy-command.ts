import type { Connection } from 'pg'
import { CopyError } from '../errors/errors.js'
import type { PgQuery } from './pg-query.js'

/** `simple` sends a Query message; `extended` lets through one statement only and needs one more Sync after COPY IN. */
export type CopyProtocol = 'simple' | 'extended'

export type CopyDirection = 'in' | 'out'

/** What pg's connection offers beyond its types. */
type CopyConnection = Connection & {
  endCopyFrom(): void
  sendCopyFail(reason: string): void
}

/** PostgreSQL ends the session at a CopyFail reason of 10,000 bytes, and writes it into its log: short, one line. */
const MAX_REASON_BYTES = 1000

const MORE_THAN_ONE = 'more than one statement was given; one COPY is expected'

/**
 * One COPY on pg's connection, as pg's own queries are: submitted, then told what the server answers. CopyData does
 * not pass through here in either direction.
 */
export class CopyCommand implements PgQuery {
  /** CopyInResponse or CopyOutResponse came. Rejects with the server's error, or when the statement is no COPY. */
  readonly started: Promise<CopyDirection>
  /**
   * ReadyForQuery came, so the connection is aligned: gives the command tag, such as `COPY 3`. Rejects with the
   * server's error, also then after ReadyForQuery, or at once when the connection is lost (`isAligned` tells which).
   */
  readonly finished: Promise<string>
  /** All data of a COPY IN has been handed over: only now may the server say that it is complete. */
  protected isDone = false
  readonly #text: string
  readonly #protocol: CopyProtocol
  #connection: CopyConnection | undefined
  #direction: CopyDirection | undefined
  #tag: string | undefined
  #error: Error | undefined
  #isAligned = false
  #synced = false
  /** All data of a COPY OUT has come. */
  #hasCome = false
  #start!: { resolve(direction: CopyDirection): void; reject(error: Error): void }
  #finish!: { resolve(tag: string): void; reject(error: Error): void }

  constructor(text: string, protocol: CopyProtocol) {
    this.#text = text
    this.#protocol = protocol
    this.started = new Promise((resolve, reject) => {
      this.#start = { resolve, reject }
    })
    this.finished = new Promise((resolve, reject) => {
      this.#finish = { resolve, reject }
    })
    // whoever awaits one of the two learns of an error; the other must not become an unhandled rejection
    this.started.catch(() => undefined)
    this.finished.catch(() => undefined)
  }

  /** Whether the connection stands at a message boundary again: ReadyForQuery was read. */
  get isAligned(): boolean {
    return this.#isAligned
  }

  /** Whether the server gave it up or the connection is lost: nothing may be sent any more. */
  get isOver(): boolean {
    return this.#isAligned || this.#error !== undefined
  }

  /** Ends a COPY IN: all data has been handed to the socket. */
  done(): void {
    this.isDone = true
    this.#connection?.endCopyFrom()
    this.#sync()
  }

  /** Gives a COPY IN up; the server answers with error 57014. Only at a message boundary. */
  fail(reason: string): void {
    const line = reason.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
    this.#connection?.sendCopyFail(
      Buffer.from(line)
        .subarray(0, MAX_REASON_BYTES)
        .toString()
        .replace(/\ufffd+$/, ''),
    )
    this.#sync()
  }

  submit(connection: Connection): void {
    const copy = connection as CopyConnection
    this.#connection = copy
    copy.on('copyInResponse', this.#onCopyIn)
    copy.on('copyOutResponse', this.#onCopyOut)
    copy.on('copyDone', this.#onCopyDone)
    if (this.#protocol === 'simple') {
      copy.query(this.#text)
      return
    }
    // one segment: a Sync that the server has not read when it is terminated makes its kernel send RST, and with that
    // the reason, which it had written before, is lost on our side
    copy.stream.cork()
    copy.parse({ name: '', text: this.#text, types: [] }, true)
    copy.bind({}, true)
    copy.execute({}, true)
    copy.sync()
    copy.stream.uncork()
  }

  // pg calls what follows by these names

  handleCommandComplete(message: { text: string }): void {
    if (this.#direction === 'in' && !this.isDone) {
      this.#refuse('CommandComplete')
      return
    }
    if (this.#tag !== undefined) this.#error ??= new CopyError('COPY_PROTOCOL', MORE_THAN_ONE)
    this.#tag = message.text
  }

  handleReadyForQuery(): void {
    this.#release()
    if (this.#direction !== undefined && this.#tag === undefined && this.#error === undefined) {
      this.#refuse('ReadyForQuery')
      return
    }
    this.#isAligned = true
    if (this.#direction === undefined) {
      this.#error ??= new CopyError(
        'COPY_PROTOCOL',
        `the statement is no COPY: the server answered ${this.#tag ?? 'nothing'}`,
      )
    }
    if (this.#error !== undefined) this.#reject(this.#error)
    else this.#finish.resolve(this.#tag as string)
  }

  /** An ErrorResponse, or the loss of the connection. After an ErrorResponse pg forgets us, so ReadyForQuery is awaited here. */
  handleError(error: Error): void {
    this.#error ??= error
    if (this.#connection === undefined || !('severity' in error)) {
      this.#release()
      this.#reject(this.#error)
      return
    }
    this.#start.reject(this.#error)
    const connection = this.#connection
    const onReady = () => {
      connection.removeListener('end', onEnd)
      this.handleReadyForQuery()
    }
    const onEnd = () => {
      connection.removeListener('readyForQuery', onReady)
      this.#release()
      this.#reject(this.#error as Error)
    }
    connection.once('readyForQuery', onReady)
    connection.once('end', onEnd)
    if (this.#direction === 'in') this.#sync()
  }

  handleEmptyQuery(): void {
    this.#tag = 'an empty query'
  }

  handleCopyInResponse(): void {}

  /** Rows of a statement that is no COPY: its ReadyForQuery tells. Within a COPY they are out of place. */
  handleRowDescription(): void {
    if (this.#direction !== undefined) this.#refuse('RowDescription')
  }

  handleDataRow(): void {
    if (this.#direction !== undefined) this.#refuse('DataRow')
  }

  handlePortalSuspended(): void {}

  handleCopyData(): void {
    this.#refuse('CopyData')
  }

  readonly #onCopyIn = (): void => this.#begin('in')
  readonly #onCopyOut = (): void => this.#begin('out')
  readonly #onCopyDone = (): void => {
    if (this.#direction !== 'out' || this.#hasCome) this.#refuse('CopyDone')
    this.#hasCome = true
  }

  #begin(direction: CopyDirection): void {
    if (this.#direction !== undefined) {
      this.#refuse(direction === 'in' ? 'CopyInResponse' : 'CopyOutResponse')
      return
    }
    this.#direction = direction
    this.#start.resolve(direction)
  }

  /** What the protocol does not allow here: the stream is out of step, so nothing of it can be trusted any more. */
  #refuse(message: string): void {
    const said = this.#tag === undefined ? `${message} came where none belongs` : MORE_THAN_ONE
    this.#error ??= new CopyError('COPY_PROTOCOL', said)
    this.#connection?.stream.destroy(this.#error)
    this.#release()
    this.#reject(this.#error)
  }

  /** In COPY IN the server swallows the Sync that came with Execute: once it is over, one more is due. */
  #sync(): void {
    if (this.#protocol === 'simple' || this.#synced) return
    this.#synced = true
    this.#connection?.sync()
  }

  #release(): void {
    this.#connection?.removeListener('copyInResponse', this.#onCopyIn)
    this.#connection?.removeListener('copyOutResponse', this.#onCopyOut)
    this.#connection?.removeListener('copyDone', this.#onCopyDone)
  }

  #reject(error: Error): void {
    this.#start.reject(error)
    this.#finish.reject(error)
  }
}
