import assert from 'node:assert/strict'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import { type StartOptions, startServers } from '../../scripts/postgres/servers.js'

const LET_GO_MS = 5000

/** Real servers for one test file: a source and its targets, started before its tests and gone after them. */
export interface Fleet {
  readonly source: Server
  readonly targets: readonly Server[]
  readonly all: readonly Server[]
  /** Runs SQL on every server. */
  everywhere(sql: string): Promise<void>
  /** Fails unless all targets' tables equal the source's, by the servers' own count and hash. */
  assertEqual(table: string): Promise<void>
  /** Fails unless the table is empty on every target. */
  assertEmpty(table: string): Promise<void>
  /** Fails unless every connection of ours has gone within a few seconds. */
  assertNoConnections(): Promise<void>
}

/** Starts the fleet of a test file and sees to its end. Called at the top of the file, before its tests are declared. */
export const startFleet = async (
  targets: number,
  options: Omit<StartOptions, 'count'> = {},
): Promise<Fleet> => {
  const names = ['source', ...Array.from({ length: targets }, (_, i) => `target${i + 1}`)]
  const servers = await startServers({ ...options, count: targets + 1, names })
  after(() => servers.stop())
  const all = (): readonly Server[] => servers
  const fleet: Fleet = {
    get source() {
      return all()[0] as Server
    },
    get targets() {
      return all().slice(1)
    },
    get all() {
      return all()
    },
    async everywhere(sql) {
      await Promise.all(all().map((server) => server.query(sql)))
    },
    async assertEqual(table) {
      const [source, ...rest] = await Promise.all(all().map((server) => digestOf(server, table)))
      rest.forEach((digest, i) => {
        assert.deepEqual(digest, source, `target${i + 1} differs from the source`)
      })
    },
    async assertEmpty(table) {
      for (const target of fleet.targets)
        assert.equal((await digestOf(target, table)).rows, '0', `${target.name} has rows`)
    },
    async assertNoConnections() {
      for (const server of all()) {
        const until = performance.now() + LET_GO_MS
        let left: unknown[] = []
        do {
          left = await server.query(
            `SELECT pid, state, query FROM pg_stat_activity WHERE application_name = 'copyman'`,
          )
          if (left.length > 0) await sleep(20)
        } while (left.length > 0 && performance.now() < until)
        assert.deepEqual(left, [], `${server.name} still has connections of ours`)
      }
    },
  }
  return fleet
}
