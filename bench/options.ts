import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Rounds of each comparison. */
  readonly rounds: number
  /** What goes through the engine between null ends, in MiB. */
  readonly mib: number
  /** Names of the sections to run. */
  readonly only: readonly string[]
  /** A program to use as null ends instead of ours: started with a port, it serves raw ends on the two behind. */
  readonly nullServer?: string
  /** A program that moves the raw bytes with no engine at all: called with the port and the number of receivers. */
  readonly floor?: string
  /** Where RESULTS.md and charts go; undefined: they are only printed. */
  readonly out?: string
}

export const USAGE = `npm run bench -- [options]

  --only A,B            sections: ring, kernel, jobs, engine, real; all unless given
  --rounds N            rounds of each comparison; 5
  --mib N               MiB that go through the engine between null ends; 2048
  --null-server FILE    a program to use as null ends instead of ours
  --floor FILE          a program that moves the raw bytes with no engine at all; needs --null-server
  --out DIR             write RESULTS.md and the charts there`

/** @throws RangeError for a number that makes no sense, TypeError for an option that there is none of */
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
