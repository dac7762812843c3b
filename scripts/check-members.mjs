// Checks that the program uses every public or protected member of every class in `src`: TypeScript and knip see unused
// private members and unused exports only. Run by `npm run check`; the argument is the root folder (default: this project).
import { join, relative, sep } from 'node:path'
import ts from 'typescript'
import { isEntry, report } from './report.mjs'

/** Folders whose files may use a member. A test alone does not keep a member alive. */
const USERS = ['src/', 'scripts/', 'bench/']
const DOOR = 'src/index.ts'

const openProgram = (root) => {
  const path = join(root, 'tsconfig.json')
  const { config } = ts.readConfigFile(path, ts.sys.readFile)
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const users = fileNames.filter((name) => USERS.some((folder) => placeOf(root, name).startsWith(folder)))
  return ts.createProgram(users, { ...options, noEmit: true, incremental: false, tsBuildInfoFile: undefined })
}

const placeOf = (root, path) => relative(root, path).split(sep).join('/')

/** Runs `visit` for a node and for all nodes in it. */
const walk = (node, visit) => {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

const isHidden = (member) =>
  ts.isPrivateIdentifier(member.name) ||
  (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) !== 0

/** The members of a class that other code can name. */
const namedMembers = (node) =>
  node.members.filter(
    (member) =>
      member.name !== undefined &&
      (ts.isIdentifier(member.name) || ts.isStringLiteral(member.name)) &&
      !isHidden(member),
  )

/** The classes that the door exports, and their base classes: all of their members are public API. */
const publicClasses = (program, checker, root) => {
  const found = new Set()
  const add = (symbol) => {
    for (const node of symbol?.declarations ?? []) {
      if (!ts.isClassLike(node) || found.has(node)) continue
      found.add(node)
      for (const { types } of node.heritageClauses ?? [])
        for (const type of types) add(checker.getTypeAtLocation(type).symbol)
    }
  }
  const door = program.getSourceFile(join(root, DOOR))
  const module = door && checker.getSymbolAtLocation(door)
  for (const symbol of module === undefined ? [] : checker.getExportsOfModule(module)) {
    add(symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)
  }
  return found
}

/** Whether an interface or a base class of a class, of ours or of a package, prescribes a member. */
const isPrescribed = (checker, node, name) =>
  (node.heritageClauses ?? []).some(({ token, types }) =>
    types.some((type) => {
      // of `extends`, the static side too
      const sides =
        token === ts.SyntaxKind.ExtendsKeyword
          ? [checker.getTypeAtLocation(type), checker.getTypeAtLocation(type.expression)]
          : [checker.getTypeAtLocation(type)]
      return sides.some((side) => checker.getPropertyOfType(side, name) !== undefined)
    }),
  )

/** The member that a node names, where it names one: `a.b`, `a['b']`, `{ b } = a`, a type's `A['b']`. */
const symbolUsed = (checker, node) => {
  const { parent } = node
  if (ts.isBindingElement(parent) && ts.isObjectBindingPattern(parent.parent)) {
    if (parent.propertyName !== undefined && parent.propertyName !== node) return undefined
    return checker.getPropertyOfType(checker.getTypeAtLocation(parent.parent), node.text)
  }
  if (ts.isLiteralTypeNode(parent) && ts.isIndexedAccessTypeNode(parent.parent)) {
    return checker.getPropertyOfType(checker.getTypeFromTypeNode(parent.parent.objectType), node.text)
  }
  return checker.getSymbolAtLocation(node)
}

/** Whether a node is the target of a plain assignment: that alone does not use a property. */
const isAssigned = ({ parent }) =>
  ts.isPropertyAccessExpression(parent) &&
  ts.isBinaryExpression(parent.parent) &&
  parent.parent.left === parent &&
  parent.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken

/**
 * @param {string} root folder that holds tsconfig.json and `src`
 * @returns {string[]} one sentence for each member that the program does not use
 */
export const findUnusedMembers = (root) => {
  const program = openProgram(root)
  const checker = program.getTypeChecker()
  const files = program
    .getSourceFiles()
    .filter(({ fileName }) => USERS.some((folder) => placeOf(root, fileName).startsWith(folder)))
  const open = publicClasses(program, checker, root)

  /** Declaration of a member → where it is, until a use is found. */
  const unused = new Map()
  const names = new Set()
  for (const file of files.filter(({ fileName }) => placeOf(root, fileName).startsWith('src/'))) {
    walk(file, (node) => {
      if (!ts.isClassLike(node) || open.has(node)) return
      for (const member of namedMembers(node)) {
        const { text } = member.name
        if (isPrescribed(checker, node, text)) continue
        const { line } = file.getLineAndCharacterOfPosition(member.name.getStart(file))
        const where = `${placeOf(root, file.fileName)}:${line + 1}`
        unused.set(member, `${where}: ${node.name?.text ?? 'a class'}.${text} is not used`)
        names.add(text)
      }
    })
  }

  for (const file of files) {
    walk(file, (node) => {
      if (!(ts.isIdentifier(node) || ts.isStringLiteral(node)) || !names.has(node.text)) return
      // several for a pair of accessors and for an overloaded method: a name in one of them does not use the others
      const members = symbolUsed(checker, node)?.declarations ?? []
      if (ts.findAncestor(node, (above) => members.includes(above)) !== undefined) return
      for (const member of members) {
        if (!(isAssigned(node) && ts.isPropertyDeclaration(member))) unused.delete(member)
      }
    })
  }
  return [...unused.values()]
}

if (isEntry(import.meta.url)) await report(findUnusedMembers)
