import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Whether a module is the program that Node runs, and not an import of another one. */
export const isEntry = (url) => realpathSync(process.argv[1] ?? '') === fileURLToPath(url)

/**
 * Runs a check on the root folder that the arguments name (default: this project). Prints each problem in a line on
 * stderr; the exit status is 1 if there is one, else 0.
 * @param {(root: string) => string[] | Promise<string[]>} find
 */
export const report = async (find) => {
  const problems = await find(resolve(process.argv[2] ?? ROOT))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
