/** Stable codes of everything that can go wrong: one code for each decision that a caller may want to make. */
export type CopyErrorCode =
  | 'COPY_OPTION' // an option or argument is not legal
  | 'COPY_STATE' // a call that is not allowed in the present state, e.g. iterating a closed manager
  | 'COPY_CONNECT' // no connection: name lookup, refused, authentication, deadline
  | 'COPY_TLS' // no connection: encryption, or the server's certificate, is not as the user asked
  | 'COPY_CONNECTION_LOST' // a connection ended in the middle of its work
  | 'COPY_SERVER' // the server answered with an error: see sqlState
  | 'COPY_PROTOCOL' // the server sent what the protocol does not allow here
  | 'COPY_COUNT_MISMATCH' // rows at the two ends differ
  | 'COPY_STALLED' // a receiver took none of its data for longer than deadlines.stall allows
  | 'COPY_LAG' // a receiver held up the others for longer than `lag` allows
  | 'COPY_TIMEOUT' // COPY did not begin within deadlines.start, or was not completed within deadlines.finish
  | 'COPY_CHECK' // the command's check of both ends, before the copy, found a problem that would make the copy fail
  | 'COPY_CALLABLE' // the user's function or iterable threw: see cause
  | 'COPY_WORKER' // a worker thread ended or failed
  | 'COPY_IN_DOUBT' // COMMIT was sent, its answer was lost, and its outcome is unknown: committed or not
  | 'COPY_COMMIT' // the server answered COMMIT with another command tag, e.g. ROLLBACK
  | 'COPY_PRODUCER_FAULT' // a ProducerFault: see cause
  | 'COPY_RECEIVER_FAULT' // a ReceiverFault: see faults
  | 'COPY_ABORTED' // a CopyAborted
  | 'COPY_FAILED' // a CopyFailed: see cause

/** What a producer or receiver was doing. */
export type CopyPhase = 'connect' | 'start' | 'copy' | 'complete' | 'commit' | 'abort' | 'close'
