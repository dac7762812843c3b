import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type pg from 'pg'
import { askVersion, reportedVersion } from '../../src/shared/server-version.js'

const reported = (parameterName: string, parameterValue: string): number | undefined => {
  const connection = new EventEmitter()
  const version = reportedVersion({ connection } as unknown as pg.Client)
  assert.equal(version(), undefined)
  connection.emit('parameterStatus', { parameterName, parameterValue })
  return version()
}

for (const [text, version] of [
  ['15.18', 150_000],
  ['15.18 (Debian 15.18-0+deb12u1)', 150_000],
  ['19beta2', 190_000],
  ['19devel', 190_000],
  ['9.6.24', 90_000],
  ['15', undefined],
  ['EnterpriseDB 15.2', undefined],
  ['', undefined],
] as const) {
  test(`a server that reports ${JSON.stringify(text)} is ${version ?? 'asked'}`, () => {
    assert.equal(reported('server_version', text), version)
  })
}

test('what else a server reports is no version', () => {
  assert.equal(reported('server_encoding', '15.18'), undefined)
})

test('a version that was not reported is asked for', async () => {
  const asked: string[] = []
  const query = async (sql: string): Promise<(string | null)[][]> => {
    asked.push(sql)
    return [['150018']]
  }
  assert.equal(await askVersion({ query }), 150_018)
  assert.deepEqual(asked, ['SHOW server_version_num'])
})
