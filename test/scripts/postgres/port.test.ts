import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freePort } from '../../../scripts/postgres/port.js'

test('a port in use and a reserved port are skipped', async (t) => {
  const taken = new Set<number>()
  const busy = await freePort(taken)
  const listener = createServer().listen(busy, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => listener.close())

  const reserved = busy === 20_000 ? 20_001 : 20_000
  const draws = [busy, reserved]
  const { random } = Math
  t.mock.method(Math, 'random', () => {
    const next = draws.shift()
    return next === undefined ? random() : (next - 10_240 + 0.5) / (32_768 - 10_240)
  })
  const port = await freePort(new Set([reserved]))
  assert.equal(draws.length, 0)
  assert.ok(port !== busy && port !== reserved)
  assert.ok(port >= 10_240 && port < 32_768)
})
