// One copy by copyman, as a program of its own: argv[2] is a JSON EngineJob, its last line a JSON report.
import { copy } from '../../src/index.js'

export interface EngineJob {
  readonly from: { readonly connection: string; readonly statement: string }
  readonly to: readonly { readonly connection: string; readonly statement: string }[]
}

const { from, to } = JSON.parse(process.argv[2] as string) as EngineJob
const { seconds, openSeconds, bytes, messages } = await copy({ from, to })
console.log(JSON.stringify({ wall: seconds, open: openSeconds, bytes, messages }))
