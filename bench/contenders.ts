import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sample } from './measure/in-turn.js'
import { type Run, runNode, runScript } from './measure/program.js'
import type { EngineJob } from './programs/engine.js'

/** A program that can do the job: copyman or a peer. */
export interface Contender {
  readonly name: string
  run(job: EngineJob): Promise<Sample>
}

export const copyman: Contender & { run(job: EngineJob): Promise<Run> } = {
  name: 'copyman',
  run: (job) => runNode('engine', job),
}

export const pgCopyStreams: Contender = {
  name: 'pg-copy-streams, piped',
  run: (job) => runNode('pg-copy-streams', job),
}

/** One psql reads the source, tee duplicates its output into pipes, and one psql reads each pipe. Waits for all of them. */
const PSQL_TEE = `
source=$1; out=$2; folder=$3; shift 3
pids=
pipes=
n=0
while [ $# -gt 2 ]; do
  n=$((n + 1)); mkfifo "$folder/$n"
  psql -X -q -v ON_ERROR_STOP=1 -d "$1" -c "$2" < "$folder/$n" & pids="$pids $!"
  pipes="$pipes $folder/$n"
  shift 2
done
( psql -X -q -v ON_ERROR_STOP=1 -d "$source" -c "$out" || : > "$folder/failed" ) | \
  tee $pipes | psql -X -q -v ON_ERROR_STOP=1 -d "$1" -c "$2"
for pid in $pids; do wait "$pid"; done
[ ! -e "$folder/failed" ]
`

export const psqlTee: Contender = {
  name: 'psql, tee, psql',
  async run({ from, to }) {
    const folder = await mkdtemp(join(tmpdir(), 'copyman-bench-'))
    try {
      const targets = to.flatMap(({ connection, statement }) => [connection, statement])
      // one receiver needs no tee
      const script = to.length === 1 ? PSQL_TEE.replace('tee $pipes | ', '') : PSQL_TEE
      return await runScript(script, [from.connection, from.statement, folder, ...targets])
    } finally {
      await rm(folder, { recursive: true })
    }
  },
}

const PYTHON = '/usr/bin/python3'
const PY_COPYMAN = fileURLToPath(new URL('../../bench/programs/py-copyman.py', import.meta.url))

export const pyCopyman: Contender = {
  name: 'py-postgresql copyman',
  run: (job) => runScript('"$@"', [PYTHON, PY_COPYMAN, JSON.stringify(job)]),
}

/** The peers that are installed on this machine, and the names of the others. */
export const findPeers = async (): Promise<{ found: Contender[]; absent: string[] }> => {
  const has = (script: string): Promise<boolean> =>
    runScript(script).then(
      () => true,
      () => false,
    )
  const candidates: [Contender, boolean][] = [
    [pgCopyStreams, true],
    [psqlTee, await has('command -v psql >/dev/null')],
    [pyCopyman, existsSync(PYTHON) && (await has(`${PYTHON} -c 'import postgresql.copyman' 2>/dev/null`))],
  ]
  return {
    found: candidates.filter(([, isInstalled]) => isInstalled).map(([peer]) => peer),
    absent: candidates.filter(([, isInstalled]) => !isInstalled).map(([{ name }]) => name),
  }
}

/** The program that `--floor` names: one thread that moves raw bytes, without any engine. */
export const floorAt = (program: string, port: number, receivers: number): (() => Promise<Sample>) => {
  return async () => {
    const run = await runScript('"$@"', [program, String(port), String(receivers)])
    const cpu = run.report.cpu ?? run.cpu
    return { ...run, cpu, others: run.others + run.cpu - cpu }
  }
}
