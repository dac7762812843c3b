/** How long things may take, in milliseconds; 0 is no limit, but for `abort`, which needs one. */
export interface Deadlines {
  /** From name lookup to the server's first ReadyForQuery, for each connection; 10,000 unless given. */
  readonly connect?: number
  /**
   * From there until the COPY has begun: BEGIN, settings, a receiver's `before`, and waiting for locks; 60,000 unless
   * given. Past it the statement is cancelled, and it is a fault COPY_TIMEOUT. A source's COPY that computes is no
   * fault: only one of which its server says then that it waits for a lock; on a client of yours nobody asks, so set
   * `lock_timeout` on it.
   */
  readonly start?: number
  /**
   * How long a receiver may take nothing of what it was handed, before that is a fault; 0, never, unless given. It does
   * not apply to a source that is silent.
   */
  readonly stall?: number
  /**
   * From the end of a receiver's data to the end of its transaction: triggers, `after`, constraints, COMMIT, but not the
   * wait for other receivers; 0, no limit, unless given. Past it what runs is cancelled, and it is a fault COPY_TIMEOUT;
   * a COMMIT that is not answered by then is in doubt.
   */
  readonly finish?: number
  /** Bringing a connection back to a message boundary when a copy is given up, before it is closed; 5,000 unless given. */
  readonly abort?: number
  /**
   * Asking a receiver's server what became of a transaction whose COMMIT was not answered, before the receiver is in
   * doubt; 30,000 unless given, 0 for not asking. A copy that is being given up waits for it no longer than `abort`.
   */
  readonly resolve?: number
  /**
   * How long a receiver's worker thread may stand still before it is ended, which is that receiver's fault; 5,000 unless
   * given, 0 for never. A module's function that computes longer than that without a pause must raise it, and so must
   * who halts threads in a debugger.
   */
  readonly thread?: number
  /**
   * How long an end may make no progress before the manager tells of it by its event `slow`; again whenever that has
   * taken twice as long; 10,000 unless given, 0 for never. It is no fault.
   */
  readonly slow?: number
}
