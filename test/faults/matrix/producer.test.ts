import { producerRow, secretsOf } from './rows.js'
import { sourceRows } from './sources.js'
import { startStage } from './stage.js'

const stage = await startStage()
for (const row of sourceRows(stage.fleet.source)) producerRow(stage, row)
secretsOf(stage)
