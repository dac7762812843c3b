// Sources that fail: rows 6 to 10.
import type { Server } from '../../../scripts/postgres/server.js'
import { StatementProducer } from '../../../src/index.js'
import { relay } from '../../support/relay.js'
import { CANARY, ROWS, type SourceRow } from './stage.js'

// a function in FROM would be run to its end before the first row
const endless = 'COPY (SELECT i, i::text FROM (SELECT generate_series(1, 1000000000) AS i) AS s) TO STDOUT'
// one that waits to send when it is terminated cannot say why
const slow = endless.replace('i::text', 'i::text || pg_sleep(0.0005)')
const tell = (source: Server, ask: string) => async (): Promise<void> => {
  const [{ pid }] = (await source.query(
    `SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT i, i::text%'`,
  )) as [{ pid: number }]
  await source.query(`SELECT ${ask}($1)`, [pid])
}

/** The rows of the matrix in which this source fails. */
export const sourceRows = (source: Server): readonly SourceRow[] => {
  const from = (statement: string): StatementProducer =>
    new StatementProducer({ connection: { ...source.connection, password: CANARY }, statement })
  /** A line that is cut so many bytes into the thousandth message of data on it. */
  const lost = (what: string, at: number): SourceRow['causes'][0] => ({
    what,
    stage: async () => {
      let rows = 0
      let begin: () => void = () => undefined
      const begun = new Promise<void>((resolve) => {
        begin = resolve
      })
      const proxy = await relay(source, ({ type }) => {
        if (type === 'd') rows += 1
        // a reset overtakes the bytes on their way: no receiver would have had a row
        if (type === 'd' && rows === 1000) return { do: 'hold', until: begun }
        return rows === 1001 ? { do: 'cut', at, how: 'reset' } : undefined
      })
      const connection = { ...proxy.connection, password: CANARY }
      const producer = new StatementProducer({ connection, statement: 'COPY t TO STDOUT' })
      return { producer, act: begin, undo: () => proxy.close() }
    },
    expected: { code: 'COPY_CONNECTION_LOST' },
  })
  return [
    {
      row: 6,
      what: 'a source that refuses the COPY',
      causes: [
        {
          what: 'there is no such table',
          stage: () => ({ producer: from('COPY nothing TO STDOUT') }),
          expected: { code: 'COPY_SERVER', sqlState: '42P01' },
        },
        {
          what: 'the role may not read',
          stage: () => ({
            producer: new StatementProducer({
              connection: { ...source.connection, user: 'reader' },
              statement: 'COPY t TO STDOUT',
            }),
          }),
          expected: { code: 'COPY_SERVER', sqlState: '42501' },
        },
        {
          what: 'it is no COPY TO',
          stage: () => ({ producer: from('COPY t FROM STDIN') }),
          expected: { code: 'COPY_SERVER', sqlState: '25006' },
        },
        {
          what: 'it writes',
          stage: () => ({ producer: from('COPY (DELETE FROM t RETURNING *) TO STDOUT') }),
          expected: { code: 'COPY_SERVER', sqlState: '25006' },
        },
      ],
    },
    {
      row: 7,
      isMidCopy: true,
      what: 'a source that is lost in mid-copy',
      causes: [lost('inside a header', 3), lost('inside a body', 20), lost('between two messages', 0)],
    },
    {
      row: 8,
      isMidCopy: true,
      what: 'a source that fails in mid-copy',
      causes: [
        {
          what: 'a division by zero',
          // sorted, it would be computed before the first row
          stage: () => ({ producer: from(`COPY (SELECT i, s || 1 / (${ROWS - 500} - i) FROM t) TO STDOUT`) }),
          expected: { code: 'COPY_SERVER', sqlState: '22012' },
        },
        {
          what: 'it is cancelled',
          stage: () => ({ producer: from(endless), act: tell(source, 'pg_cancel_backend') }),
          expected: { code: 'COPY_SERVER', sqlState: '57014' },
        },
        {
          what: 'it is terminated',
          stage: () => ({ producer: from(slow), act: tell(source, 'pg_terminate_backend') }),
          expected: { code: 'COPY_SERVER', sqlState: '57P01' },
        },
      ],
    },
  ]
}
