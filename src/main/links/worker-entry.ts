import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'

/** The thread link: floors forbid to import the worker, so its address is all that main knows of it. */
const MODULES = new URL('../../workers/receiver-worker.js', import.meta.url)
/** The same with pg in it, made by scripts/bundle-worker.mjs. */
const BUNDLE = new URL('../../workers/bundle/receiver-worker.cjs', import.meta.url)
const BUNDLED_VERSIONS = new URL('../../workers/bundle/versions.json', import.meta.url)

/** Where a package lies that `require` finds: some let nobody ask for their package.json. */
const folderOf = (require: NodeJS.Require, name: string): string => {
  const file = require.resolve(name)
  const inner = `${sep}node_modules${sep}${name}${sep}`
  const at = file.lastIndexOf(inner)
  return at < 0 ? dirname(file) : file.slice(0, at + inner.length)
}

/** Whether what is bundled is what is installed: a pg that was updated without us, such as for a mend, is to be used. */
const isBundleCurrent = (): boolean => {
  const versions = JSON.parse(readFileSync(BUNDLED_VERSIONS, 'utf8')) as Record<string, string>
  const fromHere = createRequire(import.meta.url)
  const fromPg = createRequire(join(folderOf(fromHere, 'pg'), 'package.json'))
  return Object.entries(versions).every(([name, version]) => {
    const folder = folderOf(name === 'pg' ? fromHere : fromPg, name)
    return (
      (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version ===
      version
    )
  })
}

let chosen: string | undefined

/**
 * What a thread loads: one bundle, with which it starts in half the time, if that holds the versions of pg and of what pg
 * depends on that are installed; else the modules as they are. `COPYMAN_BUNDLE=off` in the environment takes the modules,
 * for who instruments pg or debugs in a thread.
 */
export const workerEntry = (): string => {
  chosen ??= (process.env.COPYMAN_BUNDLE !== 'off' && bundleFits() ? BUNDLE : MODULES).href
  return chosen
}

const bundleFits = (): boolean => {
  try {
    return isBundleCurrent()
  } catch {
    // packages that cannot be found in this way, such as inside an archive, or no bundle: the modules do as well
    return false
  }
}
