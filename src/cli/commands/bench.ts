import type { Command } from 'commander'
import { addBenchFlags, type BenchFlags, type BenchRequest, readBench } from '../bench/bench-request.js'
import { measure } from '../bench/measure.js'
import { EXIT } from '../shell/exit-status.js'
import type { Shell } from '../shell/shell.js'
import { bytes, count, duration } from '../text/figures.js'

const EXAMPLES = `
Examples:
  Rows from memory to 1, 2 and 4 receivers that discard them, without any server:
    copyman bench

  Rows from a server, read by COPY, to receivers that discard them:
    copyman bench --from postgres://db1/app --rows 100000

  Rows from a server into temporary tables, first on one and then on both of two other servers:
    copyman bench --from postgres://db1/app --to postgres://db2/app --to postgres://db3/app --receivers 1,2 --rows 100000

The measurement leaves nothing on any server. For figures that can be compared, run nothing else, and repeat it.
`

/** `copyman bench`. */
export const addBenchCommand = (program: Command, shell: Shell, done: (status: number) => void): void => {
  const command = program
    .command('bench')
    .summary('measure how fast rows go to 1, 2 and 4 receivers')
    .description('Measures how fast rows go from one source to several receivers.')
  addBenchFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: BenchFlags) => done(await bench(readBench(flags), shell)))
}

const bench = async (request: BenchRequest, { output, interrupts }: Shell): Promise<number> => {
  const { rows, rowBytes, json } = request
  if (!json) {
    output.result(
      `${count(rows)} rows of ${bytes(rowBytes)} from ${request.from === undefined ? 'memory' : 'the source'}`,
    )
    output.result('receivers  seconds   read       delivered   rows/s')
  }
  for (const receivers of request.receivers) {
    const { seconds, moved } = await measure(request, receivers, interrupts.signal)
    const [read, delivered] = [moved / seconds, (moved * receivers) / seconds]
    if (json) {
      output.json({ type: 'bench', receivers, rows, rowBytes, seconds, bytes: moved, bytesPerSecond: read })
      continue
    }
    const cells = [
      String(receivers).padStart(9),
      duration(seconds).padStart(7),
      `${bytes(read)}/s`.padStart(11),
      `${bytes(delivered)}/s`.padStart(11),
      count(rows / seconds).padStart(10),
    ]
    output.result(cells.join('  '))
  }
  return EXIT.all
}
