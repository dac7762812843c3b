#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { CopyAborted, CopyError, type CopyResult, copy, type Outcome } from '../index.js'
import { type CopyArguments, parseCommand, USAGE } from './arguments.js'

const EXIT = { all: 0, none: 1, usage: 2, some: 3, interrupted: 130, terminated: 143 } as const

const version = (): string => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

const runCopy = (args: CopyArguments, signal: AbortSignal): Promise<CopyResult> =>
  copy({
    from: { connection: args.from, statement: `COPY ${args.source} TO STDOUT (FORMAT ${args.format})` },
    to: args.to.map((connection, i) => ({
      connection,
      name: `target ${i + 1}`,
      statement: `COPY ${args.table} FROM STDIN (FORMAT ${args.format})`,
      before: args.truncate ? [`TRUNCATE ${args.table}`] : [],
    })),
    onFault: args.onFault,
    signal,
  })

const summarise = (args: CopyArguments, result: CopyResult): void => {
  const { rows, bytes, messages, seconds } = result
  const receivers = result.receivers.map(({ name, state, rows, bytes }) => ({ name, state, rows, bytes }))
  const ok = receivers.every(({ state }) => state === 'committed')
  if (args.json) {
    process.stdout.write(
      `${JSON.stringify({ type: 'summary', ok, messages, rows, bytes, seconds, receivers })}\n`,
    )
  } else if (!args.quiet) {
    process.stdout.write(`${rows} rows, ${bytes} bytes in ${seconds.toFixed(2)} s\n`)
    for (const receiver of receivers) process.stdout.write(`${receiver.name}: ${receiver.state}\n`)
  }
}

const complain = (outcomes: readonly Outcome[]): void => {
  for (const { name, fault } of outcomes)
    if (fault) process.stderr.write(`copyman: ${name}: ${fault.message}\n`)
}

const exitStatus = (outcomes: readonly Outcome[]): number => {
  const committed = outcomes.filter(({ state }) => state === 'committed').length
  return committed === outcomes.length ? EXIT.all : committed > 0 ? EXIT.some : EXIT.none
}

/** Ctrl-C and SIGTERM abort the copy in an orderly way; the second one ends the process at once. */
const onSignals = (): { readonly signal: AbortSignal; readonly status: () => number } => {
  const controller = new AbortController()
  let status: number = EXIT.interrupted
  const listen = (name: NodeJS.Signals, code: number): void => {
    process.once(name, () => {
      status = code
      process.once(name, () => process.exit(code))
      controller.abort(new Error(`${name} was received`))
    })
  }
  listen('SIGINT', EXIT.interrupted)
  listen('SIGTERM', EXIT.terminated)
  return { signal: controller.signal, status: () => status }
}

const main = async (): Promise<number> => {
  const signals = onSignals()
  try {
    const command = parseCommand(process.argv.slice(2))
    if (typeof command === 'string') {
      process.stdout.write(command === 'help' ? USAGE : `${version()}\n`)
      return EXIT.all
    }
    const result = await runCopy(command, signals.signal)
    complain(result.receivers)
    summarise(command, result)
    return exitStatus(result.receivers)
  } catch (error) {
    if (!(error instanceof CopyError)) throw error
    process.stderr.write(`copyman: ${error.message}\n`)
    if (error.code === 'COPY_OPTION') {
      process.stderr.write('See copyman --help.\n')
      return EXIT.usage
    }
    return error instanceof CopyAborted ? signals.status() : EXIT.none
  }
}

process.exit(await main())
