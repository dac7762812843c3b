import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'

/** The worker's entry by its URL: main must not import code of the workers. */
const MODULES = new URL('../../workers/receiver-worker.js', import.meta.url)
/** The same entry with pg in one file, made by scripts/bundle-worker.mjs. */
const BUNDLE = new URL('../../workers/bundle/receiver-worker.cjs', import.meta.url)
const BUNDLED_VERSIONS = new URL('../../workers/bundle/versions.json', import.meta.url)

/** The folder of a package, by its main file: the `exports` of some packages hide their package.json. */
const folderOf = (require: NodeJS.Require, name: string): string => {
  const file = require.resolve(name)
  const inner = `${sep}node_modules${sep}${name}${sep}`
  const at = file.lastIndexOf(inner)
  return at < 0 ? dirname(file) : file.slice(0, at + inner.length)
}

/** Whether the bundle holds the installed versions: a pg that the user updated, e.g. for a fix, is to be used. */
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
 * What a thread loads: the bundle, with which it starts in half the time, if the bundle holds the installed versions of pg
 * and of its dependencies; else the separate modules. `COPYMAN_BUNDLE=off` in the environment takes the modules, to
 * instrument pg or to debug in a thread.
 */
export const workerEntry = (): string => {
  chosen ??= (process.env.COPYMAN_BUNDLE !== 'off' && isBundleUsable() ? BUNDLE : MODULES).href
  return chosen
}

const isBundleUsable = (): boolean => {
  try {
    return isBundleCurrent()
  } catch {
    // no bundle, or packages that cannot be found in this way, e.g. inside an archive: the modules work as well
    return false
  }
}
