// Receivers whose data, count or COMMIT goes wrong: rows 11 to 17.

import { relay } from '../../support/relay.js'
import { makeSmallDisk } from '../../support/small-disk.js'
import { cutInsteadOf, type PassingFrame, type Treatment } from '../../support/treatments.js'
import { message } from '../../support/wire.js'
import { type Cause, into, ROWS, type Row } from './stage.js'

/** A line that is cut so many bytes into the third message of data on it, once. */
const lost = (what: string, at: number): Cause => ({
  what,
  heals: true,
  stage: async (place) => {
    let slices = 0
    const proxy = await relay(place.server, ({ direction, type }) => {
      if (direction === 'to-server' && type === 'd') slices += 1
      return slices === 3 && type === 'd' ? { do: 'cut', at, how: 'reset' } : undefined
    })
    const { port } = proxy.connection
    return { receiver: into(place, { connection: { ...place.connection, port } }), undo: () => proxy.close() }
  },
  expected: { code: 'COPY_CONNECTION_LOST' },
})

const row11: Row = {
  row: 11,
  what: 'a target that is lost in mid-copy',
  causes: [
    { ...lost('inside a header', 3), alsoAborting: true },
    lost('inside a body', 1000),
    lost('between two messages', 0),
  ],
}

const smallDisk = makeSmallDisk()

const row13: Row = {
  row: 13,
  what: "a target's disk is full",
  causes: [
    {
      what: 'a table space of 4 MiB',
      isWide: true,
      unless: smallDisk.unless,
      stage: async (place) => {
        await smallDisk.holdTable(place.server, place.table)
        return { receiver: into(place) }
      },
      expected: { code: 'COPY_SERVER', sqlState: '53100', phase: 'copy', retryable: false },
    },
  ],
}

/** A table that refuses something. */
const altered =
  (alter: (table: string) => string): Cause['stage'] =>
  async (place) => {
    await place.server.query(alter(place.table))
    return { receiver: into(place) }
  }

const refused = (
  what: string,
  sqlState: string,
  alter: (table: string) => string,
  message?: RegExp,
): Cause => ({
  what,
  stage: altered(alter),
  expected: { code: 'COPY_SERVER', sqlState, ...(message && { message }) },
})

const refusing = (name: string, condition: string): string => `
  CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.i = 400 THEN ${condition} END IF; RETURN NEW; END $$;`

const row12: Row = {
  row: 12,
  what: 'a target that refuses a row',
  causes: [
    {
      ...refused('a unique index', '23505', (t) => `ALTER TABLE ${t} ADD UNIQUE (s)`, /duplicate key/),
      alsoAborting: true,
    },
    refused(
      'a column of another type',
      '22P02',
      (t) => `ALTER TABLE ${t} ALTER s TYPE int USING NULL`,
      /invalid input syntax/,
    ),
    refused('a NULL', '23502', (t) => `ALTER TABLE ${t} ALTER s SET NOT NULL`),
    refused(
      'a trigger without the right to what it does',
      '42501',
      (t) => `${refusing('may_not', "RAISE insufficient_privilege USING MESSAGE = 'you may not';")}
      CREATE TRIGGER may_not BEFORE INSERT ON ${t} FOR EACH ROW EXECUTE FUNCTION may_not()`,
      /you may not/,
    ),
  ],
}

/** What is done to the first COMMIT, of its first connection. */
const atCommit =
  (treatment: (frame: PassingFrame) => Treatment): Cause['stage'] =>
  async (place) => {
    let commits = 0
    const proxy = await relay(place.server, (frame) => {
      const isCommit = frame.type === 'Q' && frame.body.toString() === 'COMMIT\0'
      return isCommit && commits++ === 0 ? treatment(frame) : undefined
    })
    const { port } = proxy.connection
    return { receiver: into(place, { connection: { ...place.connection, port } }), undo: () => proxy.close() }
  }

const row14: Row = {
  row: 14,
  what: 'a constraint that only the end of the transaction checks',
  causes: [
    {
      what: 'a deferred unique constraint',
      stage: altered((t) => `ALTER TABLE ${t} ADD UNIQUE (s) DEFERRABLE INITIALLY DEFERRED`),
      expected: { code: 'COPY_SERVER', sqlState: '23505', phase: 'complete' },
      alsoAborting: true,
    },
    {
      what: 'COMMIT is answered with ROLLBACK',
      heals: true,
      stage: atCommit(() => ({ do: 'replace', bytes: message('Q', 'ROLLBACK\0') })),
      expected: { code: 'COPY_COMMIT', phase: 'commit' },
    },
  ],
}

const row15: Row = {
  row: 15,
  what: 'a target that loads another number of rows',
  causes: [
    {
      what: 'a trigger that swallows one',
      stage: altered(
        (t) => `${refusing('swallow', 'RETURN NULL;')}
        CREATE TRIGGER swallow BEFORE INSERT ON ${t} FOR EACH ROW EXECUTE FUNCTION swallow()`,
      ),
      expected: {
        code: 'COPY_COUNT_MISMATCH',
        message: new RegExp(`${ROWS - 1} rows were loaded .* sent ${ROWS}`),
      },
      alsoAborting: true,
    },
    {
      what: 'a WHERE in its statement',
      stage: (place) => ({
        receiver: into(place, { statement: `COPY ${place.table} FROM STDIN WHERE i <> 1` }),
      }),
      expected: { code: 'COPY_COUNT_MISMATCH' },
    },
    {
      what: 'a line that ends the data before its end',
      stage: async (place) => {
        const proxy = await relay(place.server, ({ type, connection, direction }) =>
          connection === 0 && direction === 'to-server' && type === 'd'
            ? { do: 'replace', bytes: message('d', '\\.\n') }
            : undefined,
        )
        const { port } = proxy.connection
        return {
          receiver: into(place, { connection: { ...place.connection, port } }),
          undo: () => proxy.close(),
        }
      },
      expected: { code: 'COPY_COUNT_MISMATCH', message: /0 rows were loaded/ },
    },
  ],
}

const cut =
  (tag: string): Cause['stage'] =>
  async (place) => {
    const proxy = await relay(place.server, cutInsteadOf(tag))
    return {
      receiver: into(place, { connection: { ...place.connection, port: proxy.connection.port } }),
      undo: () => proxy.close(),
    }
  }

const row16: Row = {
  row: 16,
  what: 'a target that is lost before it confirms the rows',
  causes: [
    {
      what: 'between CopyDone and CommandComplete',
      stage: cut(`COPY ${ROWS}`),
      expected: { code: 'COPY_CONNECTION_LOST', phase: 'complete' },
      alsoAborting: true,
    },
  ],
}

const row17: Row = {
  row: 17,
  what: 'a target that is lost before it answers COMMIT',
  causes: [
    {
      what: 'the answer is cut off',
      stage: cut('COMMIT'),
      expected: { state: 'committed' },
    },
    {
      what: 'COMMIT never reached the server',
      heals: true,
      stage: atCommit(() => ({ do: 'cut', at: 0, how: 'reset' })),
      expected: { code: 'COPY_CONNECTION_LOST', phase: 'commit' },
    },
    {
      what: 'the answer is cut off, and the role may not ask for the outcome',
      isAlone: true,
      options: { deadlines: { resolve: 0 } },
      stage: cut('COMMIT'),
      expected: { code: 'COPY_IN_DOUBT', phase: 'commit', state: 'in-doubt', rows: 'all' },
    },
  ],
}

export const LOADING: readonly Row[] = [row11, row12, row13, row14, row15, row16, row17]
