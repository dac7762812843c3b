import type { Socket } from 'node:net'

const SOURCE_BYTES = 4 * 1024 * 1024

const message = (type: string, ...parts: (Buffer | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const COPY_FORMAT = Buffer.from([0, 0, 1, 0, 0])
const complete = (tag: string): Buffer => message('C', `${tag}\0`)
const ready = (inTransaction: boolean): Buffer => message('Z', inTransaction ? 'T' : 'I')
const ONE_COLUMN = message(
  'T',
  Buffer.from([0, 1]),
  'v\0',
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]),
)
const ONE_ROW = message('D', Buffer.from([0, 1, 0, 0, 0, 6]), '150000')

/** Called at events of a session. */
export interface SessionListener {
  /** A row of a `trickle` table goes out. */
  readonly sent?: (row: number) => void
  /** A CopyData header came in. `bytes`: payload since the COPY began, including this frame's, which may still be on its way. */
  readonly received?: (bytes: number) => void
}

/**
 * One session of a null PostgreSQL server: sends COPY rows from memory and discards COPY rows, so that a measurement sees
 * only the program between two such servers.
 *
 *   COPY null_ROWBYTES_MIB TO STDOUT        sends about MIB mebibytes of frames of rows of ROWBYTES bytes
 *   COPY null_ROWBYTES_… FROM STDIN         discards; the count in its tag is payload bytes / ROWBYTES
 *   COPY trickle_ROWBYTES_ROWS_MS TO STDOUT sends a row every MS milliseconds
 *
 * A SELECT or SHOW is answered with one row that holds 150000, any other statement with an empty success.
 */
export class NullSession {
  readonly #socket: Socket
  readonly #listener: SessionListener
  #pending: Buffer = Buffer.alloc(0)
  #started = false
  #inTransaction = false
  #statement = ''
  /** Row size of the COPY FROM under way, else 0. */
  #discarding = 0
  #discarded = 0
  /** Bytes of a CopyData body that are still to be skipped. */
  #skip = 0

  constructor(socket: Socket, listener: SessionListener = {}) {
    this.#socket = socket
    this.#listener = listener
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', () => socket.destroy())
  }

  #take(chunk: Buffer): void {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    for (;;) {
      const skipped = Math.min(this.#skip, bytes.length)
      this.#skip -= skipped
      bytes = bytes.subarray(skipped)
      const head = this.#started ? 5 : 4
      if (this.#skip > 0 || bytes.length < head) break
      const length = bytes.readInt32BE(head - 4)
      const type = this.#started ? String.fromCharCode(bytes[0] as number) : 'startup'
      if (type === 'd') {
        this.#discarded += length - 4
        this.#listener.received?.(this.#discarded)
        this.#skip = length - 4
        bytes = bytes.subarray(head)
        continue
      }
      if (bytes.length < head - 4 + length) break
      this.#answer(type, bytes.subarray(head, head - 4 + length))
      bytes = bytes.subarray(head - 4 + length)
    }
    this.#pending = Buffer.from(bytes)
  }

  #answer(type: string, body: Buffer): void {
    switch (type) {
      case 'startup':
        this.#started = true
        this.#send(
          message('R', Buffer.alloc(4)),
          message('S', 'server_version\0' + '15.0\0'),
          message('K', Buffer.alloc(8)),
          ready(false),
        )
        break
      case 'Q':
        this.#run(body.toString().replace(/\0$/, ''), true)
        break
      case 'P':
        this.#statement = body.subarray(1).toString().split('\0')[0] as string
        this.#send(message('1'))
        break
      case 'B':
        this.#send(message('2'))
        break
      case 'E':
        this.#run(this.#statement, false)
        break
      case 'S':
        if (!this.#sending) this.#send(ready(this.#inTransaction))
        break
      case 'c': {
        const rows = Math.floor(this.#discarded / this.#discarding)
        this.#discarding = 0
        this.#send(complete(`COPY ${rows}`), ready(this.#inTransaction))
        break
      }
      case 'X':
        this.#socket.end()
        break
      default:
        throw new Error(`message ${type} is not expected here`)
    }
  }

  #run(sql: string, simple: boolean): void {
    const [, rowBytes, mib, direction] = /^copy null_(\d+)_(\d+) (to|from)/i.exec(sql) ?? []
    const trickle = /^copy trickle_(\d+)_(\d+)_(\d+) to/i.exec(sql)
    const end = simple ? ready(this.#inTransaction) : Buffer.alloc(0)
    if (trickle !== null) {
      this.#trickle(Number(trickle[1]), Number(trickle[2]), Number(trickle[3]))
    } else if (direction?.toLowerCase() === 'to') {
      this.#produce(Number(rowBytes), Number(mib))
    } else if (direction !== undefined) {
      this.#discarding = Number(rowBytes)
      this.#discarded = 0
      this.#send(message('G', COPY_FORMAT))
    } else if (/^\s*(select|show)/i.test(sql)) {
      this.#send(ONE_COLUMN, ONE_ROW, complete('SELECT 1'), end)
    } else {
      if (/^begin/i.test(sql)) this.#inTransaction = true
      if (/^(commit|rollback)/i.test(sql)) this.#inTransaction = false
      this.#send(complete(sql.split(' ')[0]?.toUpperCase() ?? ''), simple ? ready(this.#inTransaction) : end)
    }
  }

  #sending = false

  #produce(rowBytes: number, mib: number): void {
    this.#sending = true
    const frame = message('d', Buffer.alloc(rowBytes - 1, 'x'), '\n')
    const frames = Math.max(1, Math.floor(SOURCE_BYTES / frame.length))
    const block = Buffer.concat(Array(frames).fill(frame))
    let blocks = Math.max(1, Math.floor((mib * 1024 * 1024) / block.length))
    const rows = blocks * frames
    this.#send(message('H', COPY_FORMAT))
    const more = (): void => {
      while (blocks-- > 0) if (!this.#socket.write(block)) return void this.#socket.once('drain', more)
      this.#sending = false
      this.#send(message('c'), complete(`COPY ${rows}`), ready(this.#inTransaction))
    }
    more()
  }

  #trickle(rowBytes: number, rows: number, everyMs: number): void {
    this.#sending = true
    const frame = message('d', Buffer.alloc(rowBytes - 1, 'x'), '\n')
    this.#send(message('H', COPY_FORMAT))
    let row = 0
    const timer = setInterval(() => {
      if (row < rows) {
        this.#listener.sent?.(row++)
        this.#socket.write(frame)
        return
      }
      clearInterval(timer)
      this.#sending = false
      this.#send(message('c'), complete(`COPY ${rows}`), ready(this.#inTransaction))
    }, everyMs)
    this.#socket.once('close', () => clearInterval(timer))
  }

  #send(...messages: Buffer[]): void {
    this.#socket.write(Buffer.concat(messages))
  }
}
