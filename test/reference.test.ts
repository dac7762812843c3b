import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TYPEDOC = fileURLToPath(new URL('../../node_modules/typedoc/bin/typedoc', import.meta.url))

test('the reference is made from the doc comments, without a warning', async (t) => {
  const out = await mkdtemp(join(tmpdir(), 'copyman-docs-'))
  t.after(() => rm(out, { recursive: true }))
  // the build has checked the types
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [TYPEDOC, '--out', out, '--skipErrorChecking'],
    { cwd: ROOT },
  )
  assert.equal(stderr, '')
  const pages = await readdir(out, { recursive: true })
  for (const page of ['copy.md', 'CopyManager.md', 'CopyOptions.md'])
    assert.ok(
      pages.some((path) => path.endsWith(page)),
      `${page} is missing`,
    )
})
