/** Stable names of everything that can go wrong; one a decision that a caller may want to make. */
export type CopyErrorCode =
  | 'COPY_OPTION' // an option or argument is not legal
  | 'COPY_STATE' // a call that does not fit the moment, such as iterating a closed manager
  | 'COPY_CONNECT' // no connection: name lookup, refused, authentication, deadline
  | 'COPY_TLS' // no connection: encryption, or the server's certificate, is not as the user asked
  | 'COPY_CONNECTION_LOST' // a connection ended in the middle of its work
  | 'COPY_SERVER' // the server answered with an error: see sqlState
  | 'COPY_PROTOCOL' // the server sent what the protocol does not allow here
  | 'COPY_COUNT_MISMATCH' // rows at the two ends differ
  | 'COPY_STALLED' // a receiver took nothing for as long as deadlines.stall allows
  | 'COPY_LAG' // a receiver held up the others for longer than `lag` allows
  | 'COPY_TIMEOUT' // COPY did not begin within deadlines.start, or was not completed within deadlines.finish
  | 'COPY_CHECK' // the command's look at both ends, before the copy, found what would make it fail
  | 'COPY_CALLABLE' // the user's function or iterable threw: see cause
  | 'COPY_WORKER' // a worker thread ended or failed
  | 'COPY_IN_DOUBT' // COMMIT was sent, its answer was lost, and the server could not be asked: it may be committed or not
  | 'COPY_COMMIT' // COMMIT was not answered with COMMIT
  | 'COPY_PRODUCER_FAULT'
  | 'COPY_RECEIVER_FAULT'
  | 'COPY_ABORTED'
  | 'COPY_FAILED'

/** Where in its life a producer or receiver was. */
export type CopyPhase = 'connect' | 'start' | 'copy' | 'complete' | 'commit' | 'abort' | 'close'
