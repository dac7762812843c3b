// Draws docs/progress.svg, the README's picture: the terminal output of the command in mid-copy and at the end.
// Run: `npm run picture`. Needs `script` of util-linux, which provides the terminal.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServers } from '../postgres/servers.js'
import { type Cell, Screen } from './screen.js'
import { drawSvg } from './svg.js'

const ROWS = 4_000_000
const COLUMNS = 124
const HALF = / (4[5-9]|5\d) %/
const COPYMAN = fileURLToPath(new URL('../../src/cli/copyman.js', import.meta.url))
const PICTURE = fileURLToPath(new URL('../../../docs/progress.svg', import.meta.url))

const textOf = (rows: Screen['rows']): string =>
  rows.map((row) => row.map(({ text }) => text).join('')).join('\n')
const plain = (text: string): Cell[] => [...text].map((character) => ({ text: character, style: '' }))

const folder = await mkdtemp(join(tmpdir(), 'copyman-picture-'))
const servers = await startServers({ count: 4, names: ['source', 'berlin', 'nairobi', 'osaka'] })
try {
  const [source, ...targets] = servers
  for (const server of servers) await server.query('CREATE TABLE events (id int, at timestamptz, what text)')
  await source?.query(
    `INSERT INTO events SELECT i, now(), 'event ' || md5(i::text) FROM generate_series(1, ${ROWS}) AS i; ANALYZE events`,
  )
  const to = targets.map(({ name, url }) => ({ name, connection: url }))
  const config = join(folder, 'nightly.json')
  await writeFile(config, JSON.stringify({ from: source?.url, table: 'events', truncate: true, to }))
  const command = `stty cols ${COLUMNS} rows 24; exec '${process.execPath}' '${COPYMAN}' copy --config '${config}'`
  const { NO_COLOR: _, CI: __, ...env } = process.env
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...env, TERM: 'xterm-256color' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const screen = new Screen()
  let half: Screen['rows'] = []
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen.write(chunk)
    const { rows } = screen
    // a frame is complete when its last line, the total, is there
    if (half.length === 0 && rows.length === targets.length + 1 && HALF.test(textOf(rows)))
      half = rows.map((row) => [...row])
  })
  const [status] = await once(child, 'close')
  if (status !== 0 || half.length === 0) throw new Error(`exit status ${status}:\n${textOf(screen.rows)}`)
  const rows = [plain('$ copyman copy --config nightly.yaml'), ...half, [], ...screen.rows]
  await writeFile(PICTURE, drawSvg(rows, `copyman copy into three servers, at half and at its end`))
  console.log(textOf(rows))
} finally {
  await servers.stop()
  await rm(folder, { recursive: true })
}
