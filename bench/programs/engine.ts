// Runs one copy by copyman: argv[2] is a JSON EngineJob, the last line of output a JSON report.
import { CopyManager, type RingOptions, StatementProducer, StatementReceiver } from '../../src/index.js'

export interface EngineJob {
  readonly from: { readonly connection: string; readonly statement: string }
  readonly to: readonly { readonly connection: string; readonly statement: string }[]
  readonly ring?: RingOptions
}

const { from, to, ring } = JSON.parse(process.argv[2] as string) as EngineJob
const receivers = to.map((target) => new StatementReceiver(target))
const manager = new CopyManager(new StatementProducer(from), receivers, ring === undefined ? {} : { ring })
await manager.open()
// both ends have accepted the COPY; the time before is start-up, which another section measures
const begun = performance.now()
for await (const _ of manager);
const wall = (performance.now() - begun) / 1000
await manager.close()
const { bytes } = manager.stats()
console.log(JSON.stringify({ wall, bytes }))
