import { Bench } from 'tinybench'

/** What one run measured, in seconds; cpu and peak are those of its whole process, or processes. */
export interface Sample {
  /** From the first byte to the last completion. */
  readonly wall: number
  /** User and system time of all threads, start-up included. */
  readonly cpu: number
  /** Peak of resident memory in MiB, NaN where the system does not tell. */
  readonly peakMib: number
  /** From the start of the process, or processes, to their end. */
  readonly elapsed: number
  /** CPU time of all else on the machine meanwhile, which is that of the servers; NaN where the system does not tell. */
  readonly others: number
}

/** Each contender's samples, one of each round, in the order of the rounds. */
export type Samples<Name extends string> = Readonly<Record<Name, readonly Sample[]>>

/**
 * Measures contenders in turn, so that what the machine does meanwhile concerns all: A B C, B C A, C A B … A first round
 * that does not count warms the machine up.
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

/** The walls, CPU times or peaks of a contender. */
export const column = (samples: readonly Sample[], what: keyof Sample): number[] =>
  samples.map((sample) => sample[what])
