import { CONNECTING } from './connecting.js'
import { LIVING } from './living.js'
import { LOADING } from './loading.js'
import { receiverRow, secretsOf } from './rows.js'
import { startStage } from './stage.js'

const stage = await startStage()
for (const row of [...CONNECTING, ...LOADING]) receiverRow(stage, row, false)
// their causes end threads, or stop them
for (const row of LIVING) receiverRow(stage, row, true)
secretsOf(stage)
