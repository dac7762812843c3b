#!/usr/bin/env node
import { CopyAborted, CopyError } from '../index.js'
import { runProgram } from './program.js'
import { EXIT } from './shell/exit-status.js'
import { listenForInterrupts } from './shell/interrupts.js'
import { Output } from './shell/output.js'
import { scrubArguments, withoutSecrets } from './shell/secrets.js'
import { faultText } from './text/fault-text.js'
import { messageOf } from './text/message-of.js'
import { printable } from './text/printable.js'

const args = process.argv.slice(2)
const output = new Output()
const interrupts = listenForInterrupts((name) => {
  output.error(`${name}: cancelling the copy; a second signal ends the process at once`)
})

/** The help to read after wrong usage. */
const helpOf = (): string => {
  const [command = ''] = args
  return ['copy', 'check', 'bench', 'demo'].includes(command) ? `copyman help ${command}` : 'copyman help'
}

const main = async (): Promise<number> => {
  try {
    if (scrubArguments(args)) {
      output.warn(
        'every user of this machine can see a password in an argument, but not one in PGPASSWORD, ~/.pgpass or --config',
      )
    }
    return await runProgram(args, { output, interrupts })
  } catch (error) {
    if (!(error instanceof CopyError)) {
      output.error(`this should not happen: ${withoutSecrets(printable(messageOf(error)))}`)
      return EXIT.none
    }
    if (error.code === 'COPY_OPTION') {
      output.error(withoutSecrets(printable(error.message)))
      output.info(`See ${helpOf()}.`)
      return EXIT.usage
    }
    if (error instanceof CopyAborted) {
      output.error('interrupted; nothing is loaded')
      return interrupts.status ?? EXIT.none
    }
    output.error(faultText(error))
    output.error('nothing is loaded')
    return EXIT.none
  }
}

const status = await main()
await output.flush()
process.exit(status)
