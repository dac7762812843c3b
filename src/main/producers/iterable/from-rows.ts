import { CopyError } from '../../../shared/errors/errors.js'
import { csvRow } from '../../formats/csv-format.js'
import { textRow } from '../../formats/text-format.js'
import { encodeJson, encodeText, UnencodableValue } from '../../formats/text-value.js'
import { CancellableIterator } from './cancellable-iterator.js'

/** One row: an array of values in the order of the columns, or an object with the values by name. */
export type Row = readonly unknown[] | Readonly<Record<string, unknown>>

/** Rows to be encoded. A function is called once for each pass. */
export type Rows = Iterable<Row> | AsyncIterable<Row> | (() => Iterable<Row> | AsyncIterable<Row>)

/** A column by its name; with `as: 'json'` every value is written as JSON, arrays, strings and numbers too. */
export type RowColumn = string | { readonly name: string; readonly as?: 'json' }

export interface FromRowsOptions {
  /**
   * The columns of each row, in the order of the COPY statement's columns. Other properties of an object are ignored.
   * Default: the keys of the first row, or as many columns as it has values; a later row with others is a fault.
   */
  readonly columns?: readonly RowColumn[]
  /** The format of the COPY statement: `text`, or `csv` without a header. Default: `text`, as in PostgreSQL. */
  readonly format?: 'text' | 'csv'
}

/** Rows in a list: enough that a list costs little, few enough that the first rows of a slow source need not wait long. */
const ROWS_PER_LIST = 256

/**
 * Encodes JavaScript values as COPY data, as a source for `copy()`:
 * `copy({ from: fromRows(events, { columns: ['id', 'at', 'tags'] }), to })`, whose targets say
 * `COPY events (id, at, tags) FROM STDIN`.
 *
 * null and undefined are NULL; numbers, bigints and booleans are themselves; a Date is an instant, written in UTC; a
 * Buffer or Uint8Array is bytea; an array is a PostgreSQL array, also of arrays; any other object is JSON. In a column
 * `{ name, as: 'json' }` all values are JSON.
 *
 * Arrays of rows, and functions, can be read again, for receivers that are reconciled from the start or join late.
 * @throws CopyError COPY_OPTION for illegal options; while rows are read, COPY_CALLABLE as the producer's fault, with the
 *   row, from 1, and the column of a value that cannot be written
 */
export const fromRows = (rows: Rows, options: FromRowsOptions = {}): EncodedRows =>
  new EncodedRows(rows, options)

/** The result of `fromRows`: an iterable of lists of whole rows of COPY data. */
export class EncodedRows implements AsyncIterable<string[]> {
  /** Whether the rows can be iterated more than once. */
  readonly canRepeat: boolean
  readonly #rows: Rows
  readonly #columns: readonly RowColumn[] | undefined
  readonly #write: (values: readonly (string | null)[]) => string

  /** @throws CopyError COPY_OPTION */
  constructor(rows: Rows, options: FromRowsOptions) {
    const { columns, format = 'text' } = options
    if (format !== 'text' && format !== 'csv') {
      throw new CopyError('COPY_OPTION', `format must be 'text' or 'csv', not ${String(format)}`)
    }
    if (columns !== undefined) checkColumns(columns)
    if (!isRows(rows)) {
      throw new CopyError('COPY_OPTION', 'rows must be iterable, or a function that returns what is')
    }
    this.#rows = rows
    this.#columns = columns
    this.#write = format === 'text' ? textRow : csvRow
    this.canRepeat = typeof rows === 'function' || Array.isArray(rows)
  }

  /** The rows as they were given. */
  get given(): Rows {
    return this.#rows
  }

  [Symbol.asyncIterator](): AsyncIterator<string[], undefined> {
    const rows = typeof this.#rows === 'function' ? this.#rows() : this.#rows
    const iterator = Symbol.asyncIterator in rows ? new CancellableIterator(rows) : undefined
    const lists = this.#encode(
      iterator === undefined ? rows : { [Symbol.asyncIterator]: () => iterator },
      iterator,
    )
    return {
      next: () => lists.next(),
      async return() {
        // `lists` can be ended only after the row that it waits for, which may never come
        await iterator?.cancel()
        return lists.return(undefined)
      },
    }
  }

  async *#encode(
    rows: Iterable<Row> | AsyncIterable<Row>,
    iterator: CancellableIterator<Row> | undefined,
  ): AsyncGenerator<string[], undefined> {
    let shape: RowShape | undefined
    let list: string[] = []
    let row = 0
    try {
      for await (const one of rows) {
        row += 1
        shape ??= new RowShape(one, this.#columns)
        list.push(this.#write(shape.valuesOf(one, row)))
        if (list.length < ROWS_PER_LIST) continue
        yield list
        list = []
      }
      if (list.length > 0) yield list
    } finally {
      await iterator?.cancel()
    }
  }
}

/** The columns that every row must have. */
class RowShape {
  readonly #columns: readonly { readonly name: string; readonly as?: 'json' }[]
  readonly #isGiven: boolean

  constructor(first: Row, columns: readonly RowColumn[] | undefined) {
    const names: readonly RowColumn[] =
      columns ?? (Array.isArray(first) ? first.map((_, i) => String(i + 1)) : Object.keys(first ?? {}))
    this.#columns = names.map((column) => (typeof column === 'string' ? { name: column } : column))
    this.#isGiven = columns !== undefined
  }

  valuesOf(row: Row, number: number): (string | null)[] {
    if (row === null || typeof row !== 'object') {
      throw rowError(
        `row ${number} is ${row === null ? 'null' : `a ${typeof row}`}, not an array or an object`,
      )
    }
    const values = Array.isArray(row)
      ? this.#ofArray(row, number)
      : this.#ofObject(row as Readonly<Record<string, unknown>>, number)
    return values.map((value, i) => {
      const column = this.#columns[i] as { name: string; as?: 'json' }
      try {
        return column.as === 'json' ? encodeJson(value) : encodeText(value)
      } catch (error) {
        if (!(error instanceof UnencodableValue)) throw error
        throw rowError(`row ${number}, column ${column.name}: ${error.message}`)
      }
    })
  }

  #ofArray(row: readonly unknown[], number: number): readonly unknown[] {
    if (row.length === this.#columns.length) return row
    throw rowError(`row ${number} has ${row.length} values, not ${this.#columns.length}`)
  }

  #ofObject(row: Readonly<Record<string, unknown>>, number: number): unknown[] {
    if (!this.#isGiven) {
      const known = this.#columns.map(({ name }) => name)
      const more = Object.keys(row).find((name) => !known.includes(name))
      if (more !== undefined) {
        throw rowError(
          `row ${number} has ${more}, which the first row does not have; give the option columns`,
        )
      }
    }
    return this.#columns.map(({ name }) => row[name])
  }
}

const rowError = (message: string): CopyError => new CopyError('COPY_CALLABLE', message, { phase: 'copy' })

const isRows = (rows: unknown): boolean =>
  typeof rows === 'function' ||
  (typeof rows === 'object' && rows !== null && (Symbol.iterator in rows || Symbol.asyncIterator in rows))

const checkColumns = (columns: readonly RowColumn[]): void => {
  const names = new Set<string>()
  for (const column of columns) {
    const { name, as } = typeof column === 'string' ? { name: column, as: undefined } : column
    if (typeof name !== 'string' || name === '' || names.has(name)) {
      throw new CopyError('COPY_OPTION', `columns must be different names, not ${JSON.stringify(name)}`)
    }
    if (as !== undefined && as !== 'json') {
      throw new CopyError('COPY_OPTION', `columns: as must be 'json', not ${String(as)}`)
    }
    names.add(name)
  }
}
