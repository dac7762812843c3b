import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const script = (name: string): URL => new URL(`../../../scripts/${name}`, import.meta.url)
const FLOORS = script('check-floors.mjs')
const MEMBERS = script('check-members.mjs')
const { findFloorProblems } = (await import(FLOORS.href)) as {
  findFloorProblems(root: string): Promise<string[]>
}
const { findUnusedMembers } = (await import(MEMBERS.href)) as { findUnusedMembers(root: string): string[] }

/** Path → text of a file. */
type Tree = Readonly<Record<string, string>>

const folder = mkdtempSync(join(tmpdir(), 'copyman-check-'))
after(() => rmSync(folder, { recursive: true }))
let trees = 0

/** Writes the files into a new folder. */
const plant = (files: Tree): string => {
  trees += 1
  const root = join(folder, String(trees))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const rooms = (table: Readonly<Record<string, readonly string[]>>): string =>
  `export const ROOMS = ${JSON.stringify(table)}
  export const LOOSE = { src: ['index.ts'] }
  export const OUTSIDE = { test: ['src/'] }
  export const ALONE = [[/Atomics/, ['src/low/cells.ts']]]`

const TABLE = { 'src/low': [], 'src/high': ['src/low'], src: ['src/*'] }

const HOUSE: Tree = {
  'package.json': '{ "name": "house" }',
  'scripts/rooms.mjs': rooms(TABLE),
  'src/index.ts': `export { high } from './high/high.js'\n`,
  'src/high/high.ts': `import { cells } from '../low/cells.js'\nexport const high = cells\n`,
  'src/high/README.md': 'Here: the high floor.\n',
  'src/low/cells.ts': 'export const cells = Atomics\n',
  'src/low/README.md': 'Here: the low floor.\n',
  'test/high.test.ts': `import '../src/high/high.js'\n`,
}

/** How HOUSE breaks each rule of the floors: by other files, or by one that it lacks. */
const BREACHES: readonly {
  readonly rule: string
  readonly files?: Tree
  readonly without?: string
  readonly problems: readonly string[]
}[] = [
  {
    rule: 'a room that imports from a room above it',
    files: { 'src/low/more.ts': `import '../high/high.js'\n` },
    problems: [
      'src/low/more.ts: imports src/high/high.ts; src/low may not import src/high',
      'circle of rooms: src/high → src/low',
    ],
  },
  ...[
    `export * as high from '../high/high.js'`,
    `export type { high } from '../high/high.js'`,
    `export type High = import('../high/high.js').High`,
    `import high = require('../high/high.js')`,
    '/// <reference path="../high/high.ts" />',
    "import 'house'",
    "export const tick = /`/\nexport const high = () => import('../high/high.js')",
    `export const comment = /[/*]/\nexport { high } from '../high/high.js'`,
  ].map((text) => {
    const [target, other] = text.includes('house')
      ? ['src/index.ts', 'src']
      : ['src/high/high.ts', 'src/high']
    return {
      rule: `an import from above by ${text}`,
      files: { 'src/low/more.ts': `${text}\n` },
      problems: [
        `src/low/more.ts: imports ${target}; src/low may not import ${other}`,
        `circle of rooms: ${other === 'src' ? 'src → src/high' : 'src/high'} → src/low`,
      ],
    }
  }),
  {
    rule: 'a circle of files, closed by a type',
    files: {
      'src/low/one.ts': `import { two } from './two.js'\nexport type One = 1\nexport const one = two\n`,
      'src/low/two.ts': `import type { One } from './one.js'\nexport const two: One = 1\n`,
    },
    problems: ['circle of files: src/low/one.ts → src/low/two.ts'],
  },
  {
    rule: 'a circle of rooms that is none of files, though the table allows each import',
    files: {
      'scripts/rooms.mjs': rooms({ ...TABLE, 'src/low': ['src/high'] }),
      'src/low/more.ts': `import '../high/more.js'\n`,
      'src/high/more.ts': 'export const more = 1\n',
    },
    problems: ['circle of rooms: src/high → src/low'],
  },
  {
    rule: 'a file of more than 250 lines',
    files: { 'src/low/long.ts': '\n'.repeat(251) },
    problems: ['src/low/long.ts: 251 lines; the limit is 250'],
  },
  {
    rule: 'a loose file',
    files: { 'src/loose.ts': '' },
    problems: ['src/loose.ts: only index.ts may lie in src; move the file into a room'],
  },
  {
    rule: 'a folder that is no room',
    files: { 'src/attic/attic.ts': '' },
    problems: ['src/attic/attic.ts: src/attic is no room; add it to scripts/rooms.mjs'],
  },
  {
    rule: 'a room without a README.md',
    without: 'src/low/README.md',
    problems: ['src/low/README.md is missing: say what lives in this room'],
  },
  {
    rule: 'a README.md of more than ten lines',
    files: { 'src/low/README.md': '\n'.repeat(11) },
    problems: ['src/low/README.md: 11 lines; the limit is 10'],
  },
  {
    rule: 'a text that belongs to one file',
    files: { 'src/high/more.ts': 'export const more = Atomics\n' },
    problems: ['src/high/more.ts: only src/low/cells.ts may contain /Atomics/'],
  },
  {
    rule: 'a shared file that one side alone uses',
    files: {
      'scripts/rooms.mjs': rooms({ ...TABLE, 'src/shared/a': [], 'src/main/a': ['src/shared/a'] }),
      'src/main/a/user.ts': `import '../../shared/a/used.js'\n`,
      'src/main/a/README.md': '',
      'src/shared/a/used.ts': '',
      'src/shared/a/README.md': '',
    },
    problems: ['src/shared/a/used.ts: src/workers/ does not use it; move it to the side that does'],
  },
  {
    rule: 'an import from outside of src that is not allowed',
    files: { 'test/other.test.ts': `import '../bench/bench.js'\n` },
    problems: ['test/other.test.ts: imports bench/bench.ts; test may import src/'],
  },
]

const broken = ({ files = {}, without }: (typeof BREACHES)[number]): Tree => {
  const house = Object.entries(HOUSE).filter(([path]) => path !== without)
  return { ...Object.fromEntries(house), ...files }
}

test('a house in order has no problem of floors', async () => {
  assert.deepEqual(await findFloorProblems(plant(HOUSE)), [])
})

for (const breach of BREACHES) {
  test(`check-floors refuses ${breach.rule}`, async () => {
    assert.deepEqual(await findFloorProblems(plant(broken(breach))), breach.problems)
  })
}

const TSCONFIG = JSON.stringify({
  compilerOptions: { module: 'nodenext', noLib: true, types: [] },
  include: ['src', 'scripts', 'bench', 'test'],
})

/** The unused members of a class `Thing` with this body, in a program that uses it in one file. */
const membersOf = (body: string, use = '', file = 'src/use.ts', heading = 'export class Thing'): string[] =>
  findUnusedMembers(
    plant({
      'tsconfig.json': TSCONFIG,
      'src/index.ts': `export { Open } from './open.js'\n`,
      'src/base.ts': 'export interface Face { shown(): void }\nexport class Base { given = 1; unread = 1 }\n',
      'src/open.ts': `import { Base } from './base.js'\nexport class Open extends Base { offered(): void {} }\n`,
      'src/thing.ts': `import { Base, type Face } from './base.js'\n${heading} {\n${body}\n}\n`,
      [file]: `import { Thing } from '${file.startsWith('src/') ? '.' : '../src'}/thing.js'\n${use}\n`,
    }),
  )

test('check-members refuses a method, a getter, a property and a static member that the program does not use', () => {
  const body = 'gone(): void {}\nget lost(): number { return 1 }\nprotected left = 1\nstatic apart = 1'
  assert.deepEqual(membersOf(body), [
    'src/thing.ts:3: Thing.gone is not used',
    'src/thing.ts:4: Thing.lost is not used',
    'src/thing.ts:5: Thing.left is not used',
    'src/thing.ts:6: Thing.apart is not used',
  ])
})

test('check-members refuses a pair of accessors and an overloaded method that the program does not use', () => {
  const body =
    'get pair(): number { return 1 }\nset pair(value: number) {}\nmany(one: number): void\nmany(): void\nmany(): void {}'
  assert.deepEqual(membersOf(body), [
    'src/thing.ts:3: Thing.pair is not used',
    'src/thing.ts:4: Thing.pair is not used',
    'src/thing.ts:5: Thing.many is not used',
    'src/thing.ts:6: Thing.many is not used',
    'src/thing.ts:7: Thing.many is not used',
  ])
  assert.deepEqual(membersOf(body, 'new Thing().pair = 1\nnew Thing().many()'), [])
})

test('a use in src, bench or scripts keeps a member; one in a test, in itself, or by assignment alone does not', () => {
  const body = 'count = 1\nagain(): void { this.again() }'
  const gone = ['src/thing.ts:3: Thing.count is not used', 'src/thing.ts:4: Thing.again is not used']
  const use = 'const thing = new Thing()\nthing.count\nthing.again()'
  for (const file of ['src/use.ts', 'bench/use.ts', 'scripts/use.ts'])
    assert.deepEqual(membersOf(body, use, file), [])
  assert.deepEqual(membersOf(body, use, 'test/use.ts'), gone)
  assert.deepEqual(membersOf(body, 'new Thing().count = 2'), gone)
})

test('a member is used by destructuring, by its name in brackets, in a type, and through a union', () => {
  const body = 'a = 1\nb = 2\nc = 3\nd = 4'
  const use = `const thing = new Thing()\nconst { a, b: renamed } = thing\nthing['c']\ntype D = Thing['d']`
  assert.deepEqual(membersOf(body, use), [])
  const union = `declare const either: Thing | { a: number; b: number; c: number; d: number }\neither.a; either.b; either.c; either.d`
  assert.deepEqual(membersOf(body, union), [])
})

test('what an interface or a base class prescribes, and public API, need no use', () => {
  const heading = 'export class Thing extends Base implements Face'
  assert.deepEqual(
    membersOf(
      'shown(): void {}\noverride given = 2\n#own = 1\nprivate hidden = 1',
      '',
      'src/use.ts',
      heading,
    ),
    [],
  )
  // without the interface it is one member more that nothing uses
  assert.deepEqual(membersOf('shown(): void {}'), ['src/thing.ts:3: Thing.shown is not used'])
})

test('a check ends with status 1 and its problems on stderr, or with 0 in silence', () => {
  const run = (url: URL, root: string) => {
    const args = [fileURLToPath(url), root]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  const loose = plant({ ...HOUSE, 'src/loose.ts': '' })
  const sentence = 'src/loose.ts: only index.ts may lie in src; move the file into a room\n'
  assert.deepEqual(run(FLOORS, loose), { status: 1, stdout: '', stderr: sentence })
  const quiet = plant({ 'tsconfig.json': TSCONFIG, 'src/index.ts': '' })
  assert.deepEqual(run(MEMBERS, quiet), { status: 0, stdout: '', stderr: '' })
})
