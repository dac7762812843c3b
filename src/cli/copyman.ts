#!/usr/bin/env node
import { CopyAborted, CopyError } from '../index.js'
import { EXIT } from './exit-status.js'
import { faultText } from './fault-text.js'
import { listenForInterrupts } from './interrupts.js'
import { messageOf } from './message-of.js'
import { Output } from './output.js'
import { printable } from './printable.js'
import { runProgram } from './program.js'
import { scrubArguments, withoutSecrets } from './secrets.js'

const args = process.argv.slice(2)
const output = new Output()
const interrupts = listenForInterrupts((name) => {
  output.complain(`${name}: ending the copy in an orderly way; once more ends it at once`)
})

/** Of wrong usage: which help would tell. */
const helpOf = (): string => {
  const [command = ''] = args
  return ['copy', 'check', 'bench', 'demo'].includes(command) ? `copyman help ${command}` : 'copyman help'
}

const main = async (): Promise<number> => {
  try {
    if (scrubArguments(args)) {
      output.warn(
        'a password in an argument can be seen by every user of this machine; PGPASSWORD, ~/.pgpass and --config cannot',
      )
    }
    return await runProgram(args, { output, interrupts })
  } catch (error) {
    if (!(error instanceof CopyError)) {
      output.complain(`this should not happen: ${withoutSecrets(printable(messageOf(error)))}`)
      return EXIT.none
    }
    if (error.code === 'COPY_OPTION') {
      output.complain(withoutSecrets(printable(error.message)))
      output.tell(`See ${helpOf()}.`)
      return EXIT.usage
    }
    if (error instanceof CopyAborted) {
      output.complain('interrupted; nothing is loaded')
      return interrupts.status ?? EXIT.none
    }
    output.complain(faultText(error))
    output.complain('nothing is loaded')
    return EXIT.none
  }
}

const status = await main()
await output.flush()
process.exit(status)
