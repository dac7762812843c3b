import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startServers } from '../../../scripts/postgres/servers.js'
import { sharedTemplate } from '../../support/template.js'
import { assertGone, remaining, type Traces, tracesOf } from './traces.js'

/** Usually a tenth of a second, on a loaded machine more. The initdb of a killed program runs to its end. */
const GONE_MS = 20_000
const HOLDER = fileURLToPath(new URL('./fixtures/hold-servers.js', import.meta.url))

async function holdServers(end = 'wait'): Promise<{ holder: ChildProcess; traces: Traces }> {
  const holder = spawn(process.execPath, [HOLDER, end], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = await once(createInterface(holder.stdout), 'line')
  return { holder, traces: JSON.parse(line) }
}

test('when stop() returns nothing is left', async () => {
  const servers = await startServers({ ...sharedTemplate(), count: 2 })
  const traces = tracesOf(servers)
  assert.equal(
    (await remaining(traces)).length >= 6,
    true,
    'processes, ports and folder are found while the servers run',
  )
  await servers.stop()
  assert.deepEqual(await remaining(traces), [])
  await servers.stop()
})

test('nothing is left of a killed server that is not started again', async () => {
  const servers = await startServers(sharedTemplate())
  const traces = tracesOf(servers)
  await servers[0]?.kill()
  await servers.stop()
  assert.deepEqual(await remaining(traces), [])
})

test('nothing is left of a killed server whose backend is too busy to notice', async () => {
  const servers = await startServers(sharedTemplate())
  const traces = tracesOf(servers)
  const client = await servers[0]?.client()
  const { rows } = (await client?.query('SELECT pg_backend_pid() AS pid')) ?? assert.fail()
  const query = assert.rejects(client?.query('DO $$ BEGIN LOOP END LOOP; END $$') ?? assert.fail())
  await servers[0]?.kill()
  await servers.stop()
  await query
  // An orphan is gone when process 1 has reaped it.
  await assertGone({ ...traces, pids: [...traces.pids, rows[0].pid] }, GONE_MS)
})

test('nothing is left of a frozen server', async () => {
  const servers = await startServers(sharedTemplate())
  const traces = tracesOf(servers)
  process.kill(traces.pids[0] ?? assert.fail(), 'SIGSTOP')
  await servers.stop()
  assert.deepEqual(await remaining(traces), [])
})

describe('a program that does not stop its servers', { concurrency: 3 }, () => {
  for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`nothing is left after ${signal} for the program that started servers`, async () => {
      const { holder, traces } = await holdServers()
      holder.kill(signal)
      assert.deepEqual(
        await once(holder, 'exit'),
        [null, signal],
        'no signal handler changes the exit status',
      )
      await assertGone(traces, GONE_MS)
    })
  }

  for (const [end, status] of [
    ['exit', 3],
    ['throw', 1],
  ] as const) {
    test(`nothing is left after a program ends by ${end}`, async () => {
      const { holder, traces } = await holdServers(end)
      if (holder.exitCode === null) assert.deepEqual(await once(holder, 'exit'), [status, null])
      await assertGone(traces, GONE_MS)
    })
  }
})

test('nothing is left after a program is killed while its servers start', async () => {
  const base = await mkdtemp('/tmp/cm-test-')
  await chmod(base, 0o755) // the servers' user must be able to enter
  for (const afterMs of [50, 150, 300, 600]) {
    const holder = spawn(process.execPath, [HOLDER], {
      stdio: 'ignore',
      // it makes a data folder of its own, and is killed at that too
      env: { ...process.env, TMPDIR: base, COPYMAN_TEST_TEMPLATE: undefined },
    })
    await sleep(afterMs)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
  }
  for (const end = Date.now() + GONE_MS; (await readdir(base)).length > 0 && Date.now() < end; )
    await sleep(20)
  await rmdir(base)
})

test('servers of two programs use different ports, and one program can outlive the other', async () => {
  const [one, other] = await Promise.all([holdServers(), holdServers()])
  assert.equal(new Set([...one.traces.ports, ...other.traces.ports]).size, 4)
  one.holder.kill('SIGKILL')
  await assertGone(one.traces, GONE_MS)
  const client = new pg.Client(`postgres://postgres@127.0.0.1:${other.traces.ports[0]}/postgres`)
  await client.connect()
  assert.deepEqual((await client.query('SELECT pid FROM owner')).rows, [{ pid: other.holder.pid }])
  await client.end()
  other.holder.kill('SIGKILL')
  await assertGone(other.traces, GONE_MS)
})
