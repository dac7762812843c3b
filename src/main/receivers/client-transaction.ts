import type pg from 'pg'
import { type CopyStreamQuery, from } from 'pg-copy-streams'
import { HEADER_BYTES } from '../../shared/ring/layout.js'
import { CopyCommand } from '../../shared/session/copy-command.js'
import type { CopyInOptions } from '../../shared/session/copy-in.js'
import { CopyInTransaction } from '../../shared/session/copy-in-transaction.js'
import type { ClientSession } from '../clients/client-session.js'

/** What from() of pg-copy-streams offers beyond its types. */
interface CopyStream extends CopyStreamQuery {
  connection: pg.Connection
  handleCopyInResponse(connection: pg.Connection): void
}

/**
 * A COPY IN whose data is written by from(). CopyCommand handles the server's answers, because from() handles neither a
 * statement that is no COPY IN (the process would end) nor ReadyForQuery after an error.
 */
class StreamedCopy extends CopyCommand {
  readonly #stream: CopyStream

  constructor(text: string) {
    super(text, 'simple')
    this.#stream = from(text) as CopyStream
  }

  override submit(connection: pg.Connection): void {
    this.#stream.connection = connection
    super.submit(connection)
  }

  override handleCopyInResponse(): void {
    this.#stream.handleCopyInResponse(this.#stream.connection)
  }

  /** Rows of a COPY TO, which is refused: ignored until the COPY has been cancelled. */
  override handleCopyData(): void {}

  /** @param taken called when the socket wants more: the bytes may not have left by then */
  write(bytes: Uint8Array, taken: () => void): void {
    if (!this.isOver) this.#stream.write(bytes, taken)
  }

  protected override sendCopyDone(): void {
    this.#stream.end()
  }
}

/**
 * from() gets one chunk at a time. It would keep some of several chunks back, and write them to a connection that is gone.
 */
export const MAX_IN_FLIGHT = 1

/** The transaction of a COPY IN on a user's client, whose data goes by from() of pg-copy-streams. */
export const clientTransaction = (
  session: ClientSession,
  options: Pick<CopyInOptions, 'plan' | 'owned' | 'prepare' | 'stop'>,
): CopyInTransaction => {
  let copy: StreamedCopy | undefined
  return new CopyInTransaction({
    ...options,
    session,
    submit: (statement) => {
      copy = session.submit(new StreamedCopy(statement))
      return copy
    },
    // a private copy: from() calls back before the bytes have left
    write: (frame, written) => copy?.write(Buffer.from(frame.subarray(HEADER_BYTES)), written),
  })
}
