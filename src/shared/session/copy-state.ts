/** The states of one COPY that have no error. */
type Flow =
  /** pg has not sent the statement. */
  | 'queued'
  /** The statement was sent. `tag`: of a statement before the COPY, which makes the COPY fail in the end. */
  | 'submitted'
  /** COPY IN: the server waits for data. */
  | 'in'
  /** COPY IN: CopyDone was sent. */
  | 'in-done'
  /** COPY IN: CopyFail was sent. */
  | 'in-cancelled'
  /** COPY OUT: the server sends data. */
  | 'out'
  /** COPY OUT: CopyDone came. */
  | 'out-done'
  /** CommandComplete came; ReadyForQuery is due. */
  | 'complete'

/** The state of one COPY. */
export type CopyState =
  | { readonly name: Flow; readonly tag?: string | undefined }
  /** The first error is known; ReadyForQuery is due. */
  | { readonly name: 'failed'; readonly error: Error }
  /** ReadyForQuery came: the connection is at a message boundary. */
  | { readonly name: 'aligned'; readonly tag?: string | undefined; readonly error?: Error | undefined }
  /** The connection is gone, or the server broke the protocol. Later messages are ignored. */
  | { readonly name: 'lost'; readonly error: Error }

type StateName = CopyState['name']

/** What moves a COPY: three steps of ours, and messages of the server. Errors come in any state. */
export type CopyStep =
  | 'submit'
  | 'done'
  | 'fail'
  | 'CopyInResponse'
  | 'CopyOutResponse'
  | 'CopyDone'
  | 'CommandComplete'
  | 'RowDescription'
  | 'DataRow'
  | 'ReadyForQuery'

/**
 * Where each step is allowed, and the state that follows. A message anywhere else breaks the protocol (PostgreSQL manual,
 * 54.2.6).
 */
const TRANSITIONS: Readonly<Record<CopyStep, { readonly [S in StateName]?: StateName }>> = {
  submit: { queued: 'submitted' },
  done: { in: 'in-done' },
  fail: { in: 'in-cancelled' },
  CopyInResponse: { submitted: 'in' },
  CopyOutResponse: { submitted: 'out' },
  CopyDone: { out: 'out-done', failed: 'failed' },
  CommandComplete: {
    submitted: 'submitted',
    'in-done': 'complete',
    out: 'complete',
    'out-done': 'complete',
    complete: 'complete',
    failed: 'failed',
  },
  RowDescription: { submitted: 'submitted', failed: 'failed' },
  DataRow: { submitted: 'submitted', failed: 'failed' },
  ReadyForQuery: { complete: 'aligned', failed: 'aligned' },
}

/** @returns the state after the step; undefined where the step is not allowed */
export const next = (state: CopyState, step: CopyStep): CopyState | undefined => {
  const name = TRANSITIONS[step][state.name]
  return name === undefined ? undefined : ({ ...state, name } as CopyState)
}
