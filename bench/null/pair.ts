import type { EngineJob } from '../programs/engine.js'
import { NullEnd } from './ends.js'
import { ExternalNullServer } from './external.js'

/** A source and targets that cost as little as possible, for jobs of any shape. */
export interface NullPair {
  /** Human-readable: the kind of ends. */
  readonly name: string
  job(rowBytes: number, mib: number, receivers: number): EngineJob
  stop(): Promise<void>
}

/** Payload, in mebibytes, of frames of `mib` mebibytes. */
export const payloadMib = (mib: number, rowBytes: number): number => (mib * rowBytes) / (rowBytes + 5)

const jobBetween = (
  source: string,
  targets: readonly string[],
  rowBytes: number,
  mib: number,
): EngineJob => ({
  from: { connection: source, statement: `COPY null_${rowBytes}_${mib} TO STDOUT` },
  to: targets.map((connection) => ({ connection, statement: `COPY null_${rowBytes}_${mib} FROM STDIN` })),
})

/** Our own null ends: a process for the source and one for each of the targets. */
export const ownPair = async (receivers: number): Promise<NullPair> => {
  const ends = await Promise.all(Array.from({ length: 1 + receivers }, () => NullEnd.start()))
  const [source, ...targets] = ends.map(({ url }) => url) as [string, ...string[]]
  return {
    name: 'our null ends, a process each',
    job: (rowBytes, mib, count) => jobBetween(source, targets.slice(0, count), rowBytes, mib),
    stop: async () => {
      await Promise.all(ends.map((end) => end.stop()))
    },
  }
}

/** An external null server, with a process of its own for each connection. */
export const externalPair = async (program: string, rawMib: number): Promise<NullPair & { port: number }> => {
  const server = await ExternalNullServer.start(program, rawMib)
  return {
    name: program.split('/').at(-1) as string,
    port: server.port,
    job: (rowBytes, mib, count) => jobBetween(server.url, Array(count).fill(server.url), rowBytes, mib),
    stop: () => server.stop(),
  }
}
