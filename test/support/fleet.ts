import assert from 'node:assert/strict'
import { after, beforeEach } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import { type StartOptions, startServers } from '../../scripts/postgres/servers.js'
import { CLOSE_MS } from './bound.js'
import { sharedTemplate } from './template.js'

/** Real servers for one test file: a source and its targets, started before its tests and gone after them. */
export interface Fleet {
  readonly source: Server
  readonly targets: readonly Server[]
  readonly all: readonly Server[]
  /** Runs SQL on every server. */
  everywhere(sql: string): Promise<void>
  /** Runs SQL on every target. */
  onTargets(sql: string): Promise<void>
  /** Fails unless all targets' tables equal the source's, by the servers' own count and hash. */
  assertEqual(table: string): Promise<void>
  /** Fails unless the table is empty on every target. */
  assertEmpty(table: string): Promise<void>
  /** Fails unless every connection of copyman has gone within `CLOSE_MS`. A connection is reported once. */
  assertNoConnections(): Promise<void>
}

/** A table that all servers of a fleet have, with rows on the source. Each test finds the targets' tables empty. */
interface FleetTable {
  readonly rows: number
  /** Default `t`. */
  readonly table?: string
  /** Default `i int, s text`. */
  readonly columns?: string
  /** SQL of one row, in which `i` counts from 1; default `i, md5(i::text)`. */
  readonly row?: string
}

type FleetOptions = Omit<StartOptions, 'count' | 'names' | 'template'> & Partial<FleetTable>

type Backend = {
  readonly pid: number
  readonly state: string
  readonly query: string
}

/** All fleets of this process. */
const fleets: Fleet[] = []

/** Fails unless no server of any fleet of this process has a connection of copyman. */
export const assertNoConnections = async (): Promise<void> => {
  await Promise.all(fleets.map((fleet) => fleet.assertNoConnections()))
}

/** Starts the fleet of a test file and sees to its end. Called at the top of the file, before its tests are declared. */
export const startFleet = async (
  targets: number,
  { rows, table = 't', columns = 'i int, s text', row = 'i, md5(i::text)', ...options }: FleetOptions = {},
): Promise<Fleet> => {
  const names = ['source', ...Array.from({ length: targets }, (_, i) => `target${i + 1}`)]
  const servers = await startServers({ ...sharedTemplate(), ...options, count: targets + 1, names })
  after(() => servers.stop())
  const [source, ...others] = servers as unknown as [Server, ...Server[]]
  const fleet = fleetOf(source, others)
  fleets.push(fleet)
  if (rows === undefined) return fleet
  await fleet.everywhere(`CREATE TABLE ${table} (${columns})`)
  await source.query(`INSERT INTO ${table} SELECT ${row} FROM generate_series(1, ${rows}) AS i`)
  beforeEach(() => fleet.onTargets(`TRUNCATE ${table}`))
  return fleet
}

const fleetOf = (source: Server, targets: readonly Server[]): Fleet => {
  const all = [source, ...targets]
  /** Backends that a test has failed for. */
  const reported = new Set<number>()

  const backendsOn = async (server: Server): Promise<Backend[]> => {
    // a server that a test has stopped has none
    if (server.pid === undefined) return []
    const backends = await server.query<Backend>(
      `SELECT pid, state, query FROM pg_stat_activity WHERE application_name = 'copyman'`,
    )
    return backends.filter(({ pid }) => !reported.has(pid))
  }

  const assertNoneOn = async (server: Server): Promise<void> => {
    const bound = performance.now() + CLOSE_MS
    for (;;) {
      const left = await backendsOn(server)
      if (left.length === 0) return
      if (performance.now() < bound) {
        await sleep(20)
        continue
      }
      for (const { pid } of left) reported.add(pid)
      const shown = left.map(({ pid, state, query }) => `${pid} (${state}: ${query})`)
      assert.fail(`${server.name} still has backends of copyman: ${shown.join(', ')}`)
    }
  }

  const on = async (servers: readonly Server[], sql: string): Promise<void> => {
    await Promise.all(servers.map((server) => server.query(sql)))
  }

  return {
    source,
    targets,
    all,
    everywhere: (sql) => on(all, sql),
    onTargets: (sql) => on(targets, sql),
    async assertEqual(table) {
      const [expected, ...digests] = await Promise.all(all.map((server) => digestOf(server, table)))
      digests.forEach((digest, i) => {
        assert.deepEqual(digest, expected, `target${i + 1} differs from the source`)
      })
    },
    async assertEmpty(table) {
      for (const target of targets)
        assert.equal((await digestOf(target, table)).rows, '0', `${target.name} has rows`)
    },
    async assertNoConnections() {
      await Promise.all(all.map(assertNoneOn))
    },
  }
}
