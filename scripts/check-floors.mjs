// Checks the structure of `src` against scripts/rooms.mjs: imports between rooms, circles, loose files, file lengths, and
// the README.md of each room. Run by `npm run check`; the argument is the root folder (default: this project).
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { circlesOf } from './graph.mjs'
import { isEntry, report } from './report.mjs'

const MAX_LINES = 250
const MAX_README_LINES = 10

const DOOR = 'src/index.ts'

/** The modules that a file names in any way. From the syntax tree: ts.preProcessFile misses some, e.g. after a regex. */
const modulesIn = (path, text) => {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  const found = file.referencedFiles.map(({ fileName }) => fileName)
  const visit = (node) => {
    const named =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isExternalModuleReference(node)
          ? node.expression
          : ts.isImportTypeNode(node)
            ? node.argument.literal
            : ts.isModuleDeclaration(node)
              ? node.name
              : isCallOfImport(node)
                ? node.arguments[0]
                : undefined
    if (named !== undefined && ts.isStringLiteralLike(named)) found.push(named.text)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

const isCallOfImport = (node) =>
  ts.isCallExpression(node) &&
  (node.expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(node.expression) && node.expression.text === 'require'))

const countLines = (text) => text.split('\n').length - 1

/**
 * @param {string} root folder that holds `src` and scripts/rooms.mjs
 * @returns {Promise<string[]>} one sentence for each breach of a rule
 */
export const findFloorProblems = async (root) => {
  const { ALONE, LOOSE, OUTSIDE, ROOMS } = await import(pathToFileURL(join(root, 'scripts/rooms.mjs')).href)
  const problems = []
  const fileEdges = new Map()
  const roomEdges = new Map()
  const read = (path) => readFileSync(join(root, path), 'utf8')

  const files = ['src', ...Object.keys(OUTSIDE)]
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true })
        .map((name) => join(folder, name).split(sep).join('/'))
        .filter((path) => path.endsWith('.ts') && !path.startsWith('src/kernel/')),
    )

  const packageName = JSON.parse(read('package.json')).name

  /** The files of ours that a file imports, types included. */
  const importsOf = (path, text) =>
    modulesIn(path, text)
      .map((name) => (name === packageName ? relative(dirname(path), DOOR) : name))
      .filter((name) => name.startsWith('.'))
      .map((name) =>
        relative(root, join(root, dirname(path), name))
          .split(sep)
          .join('/'),
      )
      .map((target) => target.replace(/\.js$/, '.ts'))

  const mayImport = (room, other) =>
    room === other ||
    ROOMS[room].some((allowed) =>
      allowed.endsWith('/*') ? other.startsWith(allowed.slice(0, -1)) : other === allowed,
    )

  const checkSource = (path, text) => {
    const room = dirname(path)
    if (!(room in ROOMS)) {
      problems.push(`${path}: ${room} is no room; add it to scripts/rooms.mjs`)
      return
    }
    if (room in LOOSE && !LOOSE[room].includes(path.slice(room.length + 1))) {
      problems.push(`${path}: only ${LOOSE[room].join(', ')} may lie in ${room}; move the file into a room`)
    }
    if (countLines(text) > MAX_LINES) {
      problems.push(`${path}: ${countLines(text)} lines; the limit is ${MAX_LINES}`)
    }
    for (const [pattern, only] of ALONE) {
      if (!only.includes(path) && pattern.test(text)) {
        problems.push(`${path}: only ${only.join(', ')} may contain ${pattern}`)
      }
    }
    const targets = importsOf(path, text)
    fileEdges.set(path, targets)
    for (const target of targets) {
      const other = dirname(target)
      if (!mayImport(room, other))
        problems.push(`${path}: imports ${target}; ${room} may not import ${other}`)
      if (other !== room) roomEdges.set(room, (roomEdges.get(room) ?? new Set()).add(other))
    }
  }

  const checkOutside = (path, text) => {
    const [folder] = path.split('/')
    for (const target of importsOf(path, text)) {
      if (![`${folder}/`, ...OUTSIDE[folder]].some((allowed) => target.startsWith(allowed))) {
        problems.push(`${path}: imports ${target}; ${folder} may import ${OUTSIDE[folder].join(', ')}`)
      }
    }
  }

  for (const path of files) {
    if (path.startsWith('src/')) checkSource(path, read(path))
    else checkOutside(path, read(path))
  }

  for (const circle of circlesOf(fileEdges)) problems.push(`circle of files: ${circle.join(' → ')}`)
  for (const circle of circlesOf(roomEdges)) problems.push(`circle of rooms: ${circle.join(' → ')}`)

  for (const room of Object.keys(ROOMS).filter((name) => !(name in LOOSE))) {
    const readme = `${room}/README.md`
    if (!existsSync(join(root, readme))) problems.push(`${readme} is missing: say what lives in this room`)
    else if (countLines(read(readme)) > MAX_README_LINES) {
      problems.push(`${readme}: ${countLines(read(readme))} lines; the limit is ${MAX_README_LINES}`)
    }
  }

  // a file may lie in shared only if main and workers both reach it
  const users = new Map()
  for (const [path, targets] of fileEdges) {
    for (const target of targets) users.set(target, (users.get(target) ?? new Set()).add(path))
  }
  const isReachedFrom = (path, side, seen = new Set()) => {
    if (seen.has(path)) return false
    seen.add(path)
    return [...(users.get(path) ?? [])].some(
      (user) => user.startsWith(side) || (user.startsWith('src/shared/') && isReachedFrom(user, side, seen)),
    )
  }
  for (const path of fileEdges.keys()) {
    if (!path.startsWith('src/shared/')) continue
    for (const side of ['src/main/', 'src/workers/']) {
      if (!isReachedFrom(path, side))
        problems.push(`${path}: ${side} does not use it; move it to the side that does`)
    }
  }
  return problems
}

if (isEntry(import.meta.url)) await report(findFloorProblems)
