import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { findInstallations } from '../../../scripts/postgres/installations.js'
import { startServers } from '../../../scripts/postgres/servers.js'

const packaged = [...findInstallations()]
  .map(({ bindir }) => dirname(dirname(bindir)))
  .find((folder) => folder.includes('node_modules'))

test('a package without its links works, in a folder that only its owner can enter', {
  skip: packaged === undefined && 'no PostgreSQL from npm here',
}, async (t) => {
  const folder = await mkdtemp('/tmp/cm-test-') // mode 700: as root, closed to the servers' user
  t.after(() => rm(folder, { recursive: true }))
  await cp(packaged ?? assert.fail(), folder, { recursive: true, verbatimSymlinks: true })
  const links: { target: string }[] = JSON.parse(
    await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8'),
  )
  for (const { target } of links) await rm(join(folder, target), { force: true })

  await using servers = await startServers({ bindir: join(folder, 'native/bin') })
  assert.deepEqual(await servers[0]?.query('SELECT 1 AS one'), [{ one: 1 }])
  const copies = (await readdir(servers.folder)).filter((name) => name.endsWith('.postgres'))
  assert.equal(copies.length, process.getuid?.() === 0 ? 1 : 0)
})
