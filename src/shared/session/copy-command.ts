import type { Connection } from 'pg'
import { CopyError } from '../errors/errors.js'
import { type CopyState, type CopyStep, next } from './copy-state.js'
import { toCopyFailReason } from './copy-statement.js'
import type { PgQuery } from './pg-query.js'

/** `simple` sends a Query message. `extended` allows one statement only, and needs one more Sync after COPY IN. */
export type CopyProtocol = 'simple' | 'extended'

export type CopyDirection = 'in' | 'out'

/** What pg's connection offers beyond its types. */
type CopyConnection = Connection & {
  endCopyFrom(): void
  sendCopyFail(reason: string): void
}

const MORE_THAN_ONE = 'more than one statement was given; one COPY is expected'

/**
 * One COPY on pg's connection. pg submits it like a query of its own, and calls it for each message of the server.
 * CopyData does not pass through here in either direction. Its states and their order: `copy-state.ts`.
 */
export class CopyCommand implements PgQuery {
  /** CopyInResponse or CopyOutResponse came. Rejects with the server's error, or when the statement is no COPY. */
  readonly started: Promise<CopyDirection>
  /**
   * ReadyForQuery came, so the connection is aligned: resolves with the command tag, e.g. `COPY 3`. Rejects with the
   * server's error after ReadyForQuery, or at once when the connection is lost (`isAligned` distinguishes the two).
   */
  readonly finished: Promise<string>
  readonly #text: string
  readonly #protocol: CopyProtocol
  #connection: CopyConnection | undefined
  #state: CopyState = { name: 'queued' }
  /** Whether several statements came before the COPY, if it is one. */
  #hasSeveral = false
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
    // a caller that awaits one of the two gets the error; the other must not become an unhandled rejection
    this.started.catch(() => undefined)
    this.finished.catch(() => undefined)
  }

  /** Whether the connection is at a message boundary again: ReadyForQuery was read. */
  get isAligned(): boolean {
    return this.#state.name === 'aligned'
  }

  /** Whether the server has ended the COPY or the connection is lost: nothing may be sent any more. */
  get isOver(): boolean {
    const { name } = this.#state
    return name === 'failed' || name === 'aligned' || name === 'lost'
  }

  /** Whether the server waits for data: CopyFail cancels the COPY, and a cancel request does not. */
  get isTaking(): boolean {
    return this.#state.name === 'in'
  }

  /** Completes a COPY IN. All data has been handed to the socket. */
  done(): void {
    if (!this.#step('done')) return
    this.sendCopyDone()
    this.#sync()
  }

  /** Cancels a COPY IN; the server answers with error 57014. Only at a message boundary. */
  fail(reason: string): void {
    if (!this.#step('fail')) return
    this.#connection?.sendCopyFail(toCopyFailReason(reason))
    this.#sync()
  }

  protected sendCopyDone(): void {
    this.#connection?.endCopyFrom()
  }

  submit(connection: Connection): void {
    const copy = connection as CopyConnection
    this.#connection = copy
    this.#step('submit')
    copy.on('copyInResponse', this.#onCopyIn)
    copy.on('copyOutResponse', this.#onCopyOut)
    copy.on('copyDone', this.#onCopyDone)
    if (this.#protocol === 'simple') {
      copy.query(this.#text)
      return
    }
    // all in one segment: if the server is terminated before it has read the Sync, its kernel sends RST, and the error that
    // the server had written before is lost on our side
    copy.stream.cork()
    copy.parse({ name: '', text: this.#text, types: [] }, true)
    copy.bind({}, true)
    copy.execute({}, true)
    copy.sync()
    copy.stream.uncork()
  }

  // pg calls the following methods by these names

  handleCommandComplete({ text }: { text: string }): void {
    const isSecond = this.#hasTag
    if (!this.#expect('CommandComplete')) return
    if (!isSecond) this.#setTag(text)
    // a COPY may follow: only when it has ended can the connection be aligned
    else if (this.#state.name === 'submitted') this.#hasSeveral = true
    else this.#failWith(new CopyError('COPY_PROTOCOL', MORE_THAN_ONE))
  }

  handleReadyForQuery(): void {
    this.#release()
    const before = this.#state
    if (before.name === 'submitted') {
      const noCopy = `the statement is no COPY: the server answered ${before.tag ?? 'nothing'}`
      this.#failWith(new CopyError('COPY_PROTOCOL', this.#hasSeveral ? MORE_THAN_ONE : noCopy))
    }
    if (!this.#expect('ReadyForQuery')) return
    const after = this.#state as Extract<CopyState, { name: 'aligned' }>
    if (after.error !== undefined) this.#reject(after.error)
    else this.#finish.resolve(after.tag as string)
  }

  /** An ErrorResponse, or the loss of the connection. After an ErrorResponse pg drops us, so we await ReadyForQuery here. */
  handleError(error: Error): void {
    const connection = this.#connection
    const { isTaking } = this
    if (connection === undefined || !('severity' in error)) {
      this.#lose(error)
      return
    }
    this.#start.reject(this.#failWith(error))
    const onReady = () => {
      connection.removeListener('end', onEnd)
      this.handleReadyForQuery()
    }
    const onEnd = () => {
      connection.removeListener('readyForQuery', onReady)
      this.#lose(error)
    }
    connection.once('readyForQuery', onReady)
    connection.once('end', onEnd)
    // the server ignored the Sync that came with Execute; after `done` or `fail` the second Sync is on its way
    if (isTaking) this.#sync()
  }

  handleEmptyQuery(): void {
    this.#setTag('an empty query')
  }

  handleCopyInResponse(): void {}

  /** Rows of a statement that is no COPY are ignored until ReadyForQuery. Within a COPY they are out of place. */
  handleRowDescription(): void {
    this.#expect('RowDescription')
  }

  handleDataRow(): void {
    this.#expect('DataRow')
  }

  handlePortalSuspended(): void {}

  handleCopyData(): void {
    this.#refuse('CopyData')
  }

  readonly #onCopyIn = (): void => {
    if (this.#expect('CopyInResponse')) this.#start.resolve('in')
  }

  readonly #onCopyOut = (): void => {
    if (this.#expect('CopyOutResponse')) this.#start.resolve('out')
  }

  readonly #onCopyDone = (): void => {
    this.#expect('CopyDone')
  }

  /** @returns whether the step is allowed now; the state is the next one then */
  #step(step: CopyStep): boolean {
    const state = next(this.#state, step)
    if (state !== undefined) this.#state = state
    return state !== undefined
  }

  /** Takes a message of the server; a message that is out of place ends the connection. */
  #expect(message: CopyStep): boolean {
    if (this.#state.name === 'lost') return false
    const isExpected = this.#step(message)
    if (!isExpected) this.#refuse(message)
    return isExpected
  }

  get #hasTag(): boolean {
    return 'tag' in this.#state && this.#state.tag !== undefined
  }

  #setTag(tag: string): void {
    if (!this.isOver) this.#state = { ...this.#state, tag } as CopyState
  }

  /** Remembers the first error. @returns it */
  #failWith(error: Error): Error {
    if ('error' in this.#state && this.#state.error !== undefined) return this.#state.error
    this.#state = { name: 'failed', error }
    return error
  }

  /** A message that the protocol does not allow here: nothing of the stream can be trusted any more. */
  #refuse(message: string): void {
    const said = this.#hasTag ? MORE_THAN_ONE : `${message} came where none belongs`
    const error = this.#lose(new CopyError('COPY_PROTOCOL', said))
    this.#connection?.stream.destroy(error)
  }

  #lose(cause: Error): Error {
    const error = this.#failWith(cause)
    this.#state = { name: 'lost', error }
    this.#release()
    this.#reject(error)
    return error
  }

  /** In COPY IN the server ignores the Sync that came with Execute: one more is due after the COPY. */
  #sync(): void {
    if (this.#protocol === 'extended') this.#connection?.sync()
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
