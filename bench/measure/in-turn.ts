import { Bench } from 'tinybench'

/** The figures of one run, times in seconds; cpu and peak cover all its processes. */
export interface Sample {
  /** From the first byte to the last completion. */
  readonly wall: number
  /** User and system time of all threads, start-up included. */
  readonly cpu: number
  /** Peak of resident memory in MiB; NaN on systems without /proc. */
  readonly peakMib: number
  /** From the start of the process, or processes, to their end. */
  readonly elapsed: number
  /** CPU time of all other processes on the machine meanwhile, i.e. of the servers; NaN on systems without /proc. */
  readonly others: number
}

/** The samples of each contender: one for each round, in the order of the rounds. */
export type Samples<Name extends string> = Readonly<Record<Name, readonly Sample[]>>

/**
 * Measures contenders in turn, so that other work on the machine affects all of them: A B C, B C A, C A B … The first
 * round warms the machine up and does not count.
 */
export const inTurn = async <Name extends string>(
  contenders: Readonly<Record<Name, () => Promise<Sample>>>,
  rounds: number,
): Promise<Samples<Name>> => {
  const names = Object.keys(contenders) as Name[]
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>
  for (let round = -1; round < rounds; round++) {
    const bench = new Bench({ time: 0, iterations: 1, warmup: false, throws: true })
    const first = (round + names.length) % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      bench.add(name, async () => {
        const sample = await contenders[name]()
        if (round >= 0) samples[name].push(sample)
        return { overriddenDuration: sample.wall * 1000 }
      })
    }
    await bench.run()
  }
  return samples
}

/** One figure of all samples, e.g. the wall times. */
export const column = (samples: readonly Sample[], what: keyof Sample): number[] =>
  samples.map((sample) => sample[what])
