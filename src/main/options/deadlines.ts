/**
 * How long the steps of a copy may take, in milliseconds, from 0 to 2,147,483,647. 0 switches a limit off; only `abort`
 * must be greater than 0.
 */
export interface Deadlines {
  /**
   * From the name lookup to the server's first ReadyForQuery, for each connection; on a `pg.Pool` of yours, the wait for
   * a client. Default: 10,000. A connection that takes longer is a fault COPY_CONNECT.
   */
  readonly connect?: number
  /**
   * From there until the COPY has begun: BEGIN, settings, a receiver's `before`, and waiting for locks. Default: 60,000.
   * After that the statement is cancelled, which is a fault COPY_TIMEOUT. At the source, a COPY that still computes its
   * first row is no fault: the limit counts only if the server reports that the statement waits for a lock. For a
   * source on a client or pool of yours copyman cannot ask the server, so set `lock_timeout` there.
   */
  readonly start?: number
  /**
   * How long a receiver may take none of the data that was handed to it. Default: 0, no limit. After that the receiver has
   * a fault COPY_STALLED. A source that sends nothing causes no such fault.
   */
  readonly stall?: number
  /**
   * From the end of a receiver's data to the end of its transaction: triggers, `after`, constraints and COMMIT, but not
   * the wait for other receivers. Default: 0, no limit. After that the running statement is cancelled, which is a fault
   * COPY_TIMEOUT. If COMMIT itself is not answered in time, the connection is closed and the outcome is looked up: see
   * `resolve`.
   */
  readonly finish?: number
  /**
   * How long an aborted producer or receiver may take to bring its connection back to a message boundary, and then to
   * close it. Default: 5,000. After that the connection is destroyed.
   */
  readonly abort?: number
  /**
   * How long copyman asks a server for the outcome of a transaction whose COMMIT was not answered. Default: 30,000; 0: it
   * does not ask. After that the receiver is `in-doubt`, with COPY_IN_DOUBT. While a copy is being aborted, this takes no
   * longer than `abort`.
   */
  readonly resolve?: number
  /**
   * How long a receiver's worker thread may be blocked. Default: 5,000; 0: no limit. After that the thread is ended, which
   * is a fault COPY_WORKER of its receiver. Raise the limit for a module whose function computes longer without a pause,
   * and for a debugger that halts threads.
   */
  readonly thread?: number
  /**
   * How long the source or a receiver may make no progress before the manager emits `slow`. Default: 10,000; 0: never.
   * While there is still no progress, the event comes again each time the wait has doubled. The event is no fault.
   */
  readonly slow?: number
}
