// Fails when an import points up or across the floors that ARCHITECTURE.md draws. Run by `npm run check`.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Floor → floors it may import. A floor is the first of these prefixes that a file's path has. */
const FLOORS = {
  'src/shared/': ['src/shared/'],
  'src/main/': ['src/main/', 'src/shared/'],
  'src/workers/': ['src/workers/', 'src/shared/'],
  'src/index.ts': ['src/main/', 'src/shared/'],
  'src/cli/': ['src/cli/', 'src/index.ts'],
  'scripts/': ['scripts/', 'src/index.ts'],
  'bench/': ['bench/', 'scripts/', 'src/', 'test/support/'],
  'test/': ['test/', 'bench/', 'scripts/', 'src/'],
}

/** What only these files may say: pattern → the files. */
const ALONE = [
  [/\bAtomics\./, ['src/shared/ring/cells.ts', 'src/shared/liveness/heartbeat.ts']],
  [/from 'piscina'/, ['src/main/links/worker-pool.ts']],
]

const MAX_LINES = 250
const problems = []

const floorOf = (path) => Object.keys(FLOORS).find((floor) => path.startsWith(floor))

const files = ['src', 'scripts', 'bench', 'test'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => join(folder, name).split(sep).join('/'))
    .filter((path) => path.endsWith('.ts') && !path.startsWith('src/kernel/')),
)

const sharedUsers = new Map()
for (const path of files) {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const floor = floorOf(path)
  if (floor === undefined) problems.push(`${path}: lies on no floor; see FLOORS in scripts/check-floors.mjs`)
  const lines = text.split('\n').length - 1
  if (path.startsWith('src/') && lines > MAX_LINES)
    problems.push(`${path}: ${lines} lines; ${MAX_LINES} is the wall`)
  if (path.startsWith('src/')) {
    for (const [pattern, only] of ALONE) {
      if (!only.includes(path) && pattern.test(text))
        problems.push(`${path}: ${pattern} belongs into ${only.join(', ')} alone`)
    }
  }
  for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
    if (!fileName.startsWith('.')) continue
    const target = relative(ROOT, join(ROOT, dirname(path), fileName))
      .split(sep)
      .join('/')
      .replace(/\.js$/, '.ts')
    if (!FLOORS[floor]?.some((allowed) => target.startsWith(allowed))) {
      problems.push(`${path}: imports ${target}; ${floor} may import ${FLOORS[floor]?.join(', ')}`)
    }
    if (target.startsWith('src/shared/')) {
      sharedUsers.set(target, (sharedUsers.get(target) ?? new Set()).add(path))
    }
  }
}

// a file may live in shared only if both sides import it, by whatever way through shared
const reaches = (path, side, seen = new Set()) => {
  if (seen.has(path)) return false
  seen.add(path)
  return [...(sharedUsers.get(path) ?? [])].some(
    (user) => user.startsWith(side) || (user.startsWith('src/shared/') && reaches(user, side, seen)),
  )
}
for (const path of files.filter((file) => file.startsWith('src/shared/'))) {
  for (const side of ['src/main/', 'src/workers/']) {
    if (!reaches(path, side))
      problems.push(`${path}: nothing in ${side} needs it, so it does not belong into shared`)
  }
}

for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
