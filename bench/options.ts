import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Rounds of each comparison. */
  readonly rounds: number
  /** MiB that go through the engine between null ends. */
  readonly mib: number
  /** Names of the sections to run. */
  readonly only: readonly string[]
  /** A program to use as null ends instead of ours. It is started with a port, and serves raw ends on the next two ports. */
  readonly nullServer?: string
  /** A program that moves raw bytes without any engine. It is started with the port and the number of receivers. */
  readonly floor?: string
  /** The folder for RESULTS.md and the charts; undefined: the results are only printed. */
  readonly out?: string
}

export const USAGE = `npm run bench -- [options]

  --only A,B            sections: ring, kernel, jobs, engine, real; default: all
  --rounds N            rounds of each comparison; default: 5
  --mib N               MiB that go through the engine between null ends; default: 2048
  --null-server FILE    a program to use as null ends instead of ours
  --floor FILE          a program that moves raw bytes without any engine; needs --null-server
  --out DIR             the folder to write RESULTS.md and the charts to`

/** @throws RangeError for an illegal value; TypeError for an unknown option */
export const benchOptions = (args: readonly string[], sections: readonly string[]): BenchOptions => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      mib: { type: 'string', default: '2048' },
      only: { type: 'string', default: sections.join(',') },
      'null-server': { type: 'string' },
      floor: { type: 'string' },
      out: { type: 'string' },
    },
  })
  const wholeNumber = (name: string, text: string): number => {
    if (!/^[1-9]\d*$/.test(text)) throw new RangeError(`--${name} must be a whole number from 1, not ${text}`)
    return Number(text)
  }
  const only = values.only.split(',')
  for (const name of only)
    if (!sections.includes(name))
      throw new RangeError(`--only: there is no section ${name}; they are ${sections.join(', ')}`)
  if (values.floor !== undefined && values['null-server'] === undefined)
    throw new RangeError('--floor needs the raw ends of --null-server')
  return {
    rounds: wholeNumber('rounds', values.rounds),
    mib: wholeNumber('mib', values.mib),
    only,
    ...(values['null-server'] !== undefined && { nullServer: values['null-server'] }),
    ...(values.floor !== undefined && { floor: values.floor }),
    ...(values.out !== undefined && { out: values.out }),
  }
}
