import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import ts from 'typescript'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const LIMIT_MS = 120_000
const run = promisify(execFile)

/** Packs what was built, and installs it into an empty project as a user would. */
const install = async (folder: string): Promise<{ tarball: string; files: string[] }> => {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const { stdout } = await run('npm', pack, { cwd: ROOT, timeout: LIMIT_MS, maxBuffer: 2 ** 24 })
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'empty', private: true }))
  const add = ['install', `./${packed.filename}`, '--prefer-offline', '--no-audit', '--no-fund']
  await run('npm', add, { cwd: folder, timeout: LIMIT_MS })
  return { tarball: join(folder, packed.filename), files: packed.files.map(({ path }) => path) }
}

const BUNDLE = 'dist/src/workers/bundle/'

const folder = await mkdtemp(join(tmpdir(), 'copyman-package-'))
after(() => rm(folder, { recursive: true, force: true }))
const { tarball, files } = await install(folder)
const fleet = await startFleet(1)
await fleet.everywhere('CREATE TABLE t (i int)')
await fleet.source.query('INSERT INTO t SELECT generate_series(1, 1000)')

/** Runs a program of the project, with the URLs of the two servers. */
const runProgram = async (name: string, text: string, ...flags: string[]): Promise<string> => {
  await writeFile(join(folder, name), text)
  const urls = fleet.all.map(({ url }) => url)
  const { stdout, stderr } = await run(process.execPath, [...flags, name, ...urls], {
    cwd: folder,
    timeout: LIMIT_MS,
  })
  return stdout + stderr
}

const COPY = `copy({
  from: { connection: process.argv[2], statement: 'COPY t TO STDOUT' },
  to: [{ connection: process.argv[3], statement: 'COPY t FROM STDIN', before: ['TRUNCATE t'] }],
})`

story('the tarball holds the program, its types, its maps with their sources, and nothing else', async () => {
  const bundled = files.filter((path) => path.startsWith(BUNDLE))
  const others = files.filter(
    (path) =>
      !/^dist\/src\/(main|shared|workers|kernel|cli)\/|^dist\/src\/index\.|^dist\/scripts\/(demo|postgres)\//.test(
        path,
      ),
  )
  assert.deepEqual(others.sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'])
  const needed = [
    'dist/src/kernel/deframe.wasm',
    'dist/src/workers/receiver-worker.js',
    ...['receiver-worker.cjs', 'versions.json', 'LICENSES.txt'].map((name) => BUNDLE + name),
  ]
  for (const path of needed) assert.ok(files.includes(path), `${path} is missing`)
  const programs = files.filter((path) => /\.c?js$/.test(path))
  for (const path of programs) {
    if (!bundled.includes(path)) {
      assert.ok(files.includes(path.replace(/\.js$/, '.d.ts')), `${path} has no types`)
    }
    const map = JSON.parse(await readFile(join(ROOT, `${path}.map`), 'utf8')) as {
      sourcesContent?: unknown[]
    }
    assert.ok(files.includes(`${path}.map`), `${path} has no map`)
    assert.equal(typeof map.sourcesContent?.[0], 'string', `the map of ${path} lacks its source`)
  }
  const inBundle = bundled.filter((path) => path.endsWith('.cjs')).length
  const known = files.length - others.length - programs.length * 3 + inBundle
  // the kernel, and what the bundle says of itself
  assert.equal(known, 3, `more than programs, types, maps and the kernel: ${files.join(' ')}`)
})

story('publint finds nothing', async () => {
  const data = new Uint8Array(await readFile(tarball)).buffer
  const { messages } = await publint({ pack: { tarball: data }, strict: true })
  assert.deepEqual(messages, [])
})

story('attw finds nothing but that it is an ES module, which require loads as from Node 20.19', async () => {
  const analysis = await checkPackage(createPackageFromTarballData(await readFile(tarball)))
  assert.ok(analysis.types !== false, 'there are no types')
  // the profile "esm-only"
  const problems = analysis.problems.filter(({ kind }) => kind !== 'CJSResolvesToESM')
  assert.deepEqual(problems, [])
})

story('a copy runs in a module', async () => {
  const text = `import { copy } from 'copyman'\nconst { rows } = await ${COPY}\nconsole.log(rows)`
  assert.equal(await runProgram('module.mjs', text), '1000\n')
  await fleet.assertEqual('t')
})

story('a copy runs by require', async () => {
  const text = `const { copy } = require('copyman')\n${COPY}.then(({ rows }) => console.log(rows))`
  // Node 20 calls require of a module an experiment
  assert.equal(await runProgram('required.cjs', text, '--no-warnings'), '1000\n')
  await fleet.assertEqual('t')
})

story(
  'threads load pg from the bundle, but where another version of it or of its parser is installed',
  async () => {
    const text = `import { copy } from 'copyman'\nconst { rows } = await ${COPY}\nconsole.log(rows)`
    const client = join(folder, 'node_modules/pg/lib/client.js')
    /** Where pg says that it is loaded, while the installed package of that name has another version. */
    const loadedIn = async (updated?: string): Promise<string> => {
      const version = join(folder, 'node_modules', updated ?? 'pg', 'package.json')
      const [program, manifest] = await Promise.all([readFile(client, 'utf8'), readFile(version, 'utf8')])
      const mark = "console.log(require('node:worker_threads').isMainThread ? 'main' : 'thread');"
      await writeFile(client, mark + program)
      if (updated !== undefined) await writeFile(version, manifest.replace(/"version": "/, '$&1'))
      try {
        return (await runProgram('bundled.mjs', text)).replaceAll('\n', ' ')
      } finally {
        await Promise.all([writeFile(client, program), writeFile(version, manifest)])
      }
    }
    assert.equal(await loadedIn(), 'main 1000 ')
    for (const updated of ['pg', 'pg-protocol']) assert.equal(await loadedIn(updated), 'main thread 1000 ')
  },
)

story('a stack names the TypeScript source', async () => {
  const text = `import { copy } from 'copyman'\nawait copy({ from: [], to: 1 }).catch(({ stack }) => console.log(stack))`
  assert.match(
    await runProgram('stack.mjs', text, '--enable-source-maps'),
    /src\/main\/manager\/copy\.ts:\d+/,
  )
})

story('the command runs', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const { stdout } = await run(join(folder, 'node_modules/.bin/copyman'), ['--version'], {
    timeout: LIMIT_MS,
  })
  assert.equal(stdout, `${version}\n`)
})

const playDemo = (): Promise<{ stdout: string; stderr: string }> =>
  run(join(folder, 'node_modules/.bin/copyman'), ['demo'], { cwd: folder, timeout: LIMIT_MS })
let demo: ReturnType<typeof playDemo> | undefined

/** The two tests of the demo look at one run of it. */
const demoOutput = async (): Promise<string> => {
  demo ??= playDemo()
  const { stdout, stderr } = await demo
  return stdout + stderr
}

story('the demo runs', async () => {
  const output = await demoOutput()
  assert.equal(output.match(/1,000,000 rows +-?\d+ +equal/g)?.length, 4, output)
})

story(
  'the demo ends well within two minutes without a terminal, with one fault, one reconcile, and four equal servers',
  async () => {
    const output = await demoOutput()
    assert.match(output, /FAULT {3}osaka: .*SQLSTATE 57P01/)
    assert.match(output, /RECONCILED from the start: osaka/)
  },
)

story('the demo says how to get PostgreSQL where there is none', async () => {
  const program = join(folder, 'node_modules/.bin/copyman')
  const env = { ...process.env, COPYMAN_PG_VERSION: '99' }
  const failed = run(program, ['demo'], { cwd: folder, timeout: LIMIT_MS, env })
  await assert.rejects(failed, ({ code, stderr }) => {
    assert.equal(code, 1)
    assert.match(stderr, /no PostgreSQL 99[\s\S]*copyman demo --install\n[\s\S]*COPYMAN_PG_BINDIR=/)
    return true
  })
})

const USE = `
  const rows: Rows = [{ id: 1 }]
  const options: CopyOptions = {
    from: fromRows(rows),
    to: [{ connection: { host: 'db2' }, statement: 'COPY t FROM STDIN' }, ({ bytes }) => bytes.length],
    onFault: (fault, manager) => manager.reconcile([...fault.faults.keys()][0] as Receiver),
  }
  copy(options).then((result) => {
    const bytes: number = result.bytes
    // @ts-expect-error: not in the types
    result.byte
    return bytes
  })
  // @ts-expect-error: neither connection nor client
  copy({ from: { statement: 'COPY t TO STDOUT' }, to: [] })
`
const IMPORTS = "import { copy, type CopyOptions, fromRows, type Receiver, type Rows } from 'copyman'"

/** Source files by name and module format: the programs of all ways parse and bind each only once. */
const sourceFiles = new Map<string, ts.SourceFile | undefined>()

const programOf = (args: readonly string[]): ts.Program => {
  const { fileNames, options, errors } = ts.parseCommandLine(args)
  assert.deepEqual(errors, [])
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getCurrentDirectory = () => folder
  host.getSourceFile = (name, language, ...rest) => {
    const key = JSON.stringify([name, language])
    if (!sourceFiles.has(key)) sourceFiles.set(key, getSourceFile(name, language, ...rest))
    return sourceFiles.get(key)
  }
  return ts.createProgram(
    fileNames.map((name) => join(folder, name)),
    options,
    host,
  )
}

const OF_NODE = /\/node_modules\/(@types\/node|undici-types)\//

story('the types serve every way of resolving modules, with no library but ES and Node', async () => {
  await writeFile(join(folder, 'use.mts'), IMPORTS + USE)
  await writeFile(join(folder, 'use.cts'), IMPORTS + USE)
  const base = [
    '--noEmit',
    '--strict',
    // what comes with TypeScript itself is not ours to check
    '--skipDefaultLibCheck',
    '--exactOptionalPropertyTypes',
    '--target',
    'es2022',
    '--lib',
    'es2022',
    '--types',
    'node',
  ]
  const ways: [module: string, resolution: string, file: string][] = [
    ['node16', 'node16', 'use.mts'],
    ['esnext', 'bundler', 'use.mts'],
    // require() of a module is known to TypeScript since 5.8, under these names
    ['nodenext', 'nodenext', 'use.cts'],
  ]
  for (const [index, [module, resolution, file]] of ways.entries()) {
    const program = programOf([...base, '--module', module, '--moduleResolution', resolution, file])
    // to check Node's own types takes most of the time: only the first way does
    const checked = program.getSourceFiles().filter(({ fileName }) => index === 0 || !OF_NODE.test(fileName))
    const names = checked.map(({ fileName }) => fileName)
    assert.ok(
      [`/${file}`, '/node_modules/copyman/dist/src/index.d.ts'].every((end) =>
        names.some((name) => name.endsWith(end)),
      ),
      names.join('\n'),
    )
    const problems = [
      ...program.getOptionsDiagnostics(),
      ...program.getGlobalDiagnostics(),
      ...checked.flatMap((source) => [
        ...program.getSyntacticDiagnostics(source),
        ...program.getSemanticDiagnostics(source),
      ]),
    ]
    const shown = ts.formatDiagnostics(problems, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => folder,
      getNewLine: () => '\n',
    })
    assert.equal(shown, '', `${module}, ${resolution}, ${file}`)
  }
})
