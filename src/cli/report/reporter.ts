import { CopyAborted, type CopyError, type Outcome, ReceiverFault, type Slowness } from '../../index.js'
import type { CopyPlan, LeftOut } from '../plan/plan.js'
import type { CopyRequest } from '../request/copy-request.js'
import { isStandardOutput } from '../request/copy-request.js'
import { exitStatus, isLoaded } from '../shell/exit-status.js'
import type { Output } from '../shell/output.js'
import { faultFields, faultText, rootOf } from '../text/fault-text.js'
import { bytes, duration, quantity } from '../text/figures.js'
import { printable } from '../text/printable.js'
import { slownessText } from '../text/slowness-text.js'
import type { CopyEnd } from './copy-end.js'
import { NOT_STARTED, outcomeOfLeftOut } from './copy-end.js'

interface Notice {
  readonly severity: string
  readonly code: string
  readonly message: string
}

/** Prints faults, notices, warnings and the summary of a copy, as human-readable text and as JSON. */
export class Reporter {
  readonly #output: Output
  readonly #json: boolean
  readonly #quiet: boolean
  readonly #rowsOnStdout: boolean
  readonly #reported = new Set<CopyError>()

  constructor(output: Output, { json, quiet, targets }: CopyRequest) {
    this.#output = output
    this.#json = json
    this.#quiet = quiet
    this.#rowsOnStdout = targets.some(isStandardOutput)
  }

  /** Reports the fault of a target, or of the source if the error names no receiver. Reports each error once. */
  fault(error: CopyError): void {
    if (this.#reported.has(error)) return
    this.#reported.add(error)
    const name = error.receiver
    if (this.#json) this.#output.json({ type: 'fault', receiver: name ?? null, ...faultFields(error) })
    this.#output.error(`${printable(name ?? 'source')}: ${this.#red(faultText(error))}`)
  }

  notice(name: string, { severity, code, message }: Notice): void {
    if (this.#json) this.#output.json({ type: 'notice', receiver: name, severity, code, message })
    else if (!this.#quiet)
      this.#output.info(`copyman: ${printable(name)}: ${printable(severity)}: ${printable(message)}`)
  }

  /** Reports that an end makes no progress. */
  slow(name: string, slowness: Slowness): void {
    if (this.#json) this.#output.json({ ...slowness, receiver: name })
    else if (!this.#quiet) this.#output.info(`copyman: ${printable(name)}: ${slownessText(slowness)}`)
  }

  noticesSuppressed(name: string): void {
    if (!this.#json && !this.#quiet)
      this.#output.info(`copyman: ${printable(name)}: further notices are not shown`)
  }

  /** Reports the result of a copy. @returns the exit status */
  end(end: CopyEnd, interrupted: number | undefined): number {
    const { outcomes, error, warnings } = end
    const status = exitStatus(outcomes, error instanceof CopyAborted ? interrupted : undefined)
    for (const { fault } of outcomes) if (fault !== undefined) this.fault(fault)
    if (error !== undefined) this.#failure(error)
    for (const warning of warnings) this.#output.warn(faultText(warning))
    if (status !== 0) this.#verdict(outcomes)
    if (this.#json) this.#output.json(summaryOf(end, status))
    else if (!this.#quiet && outcomes.some(isLoaded)) this.#printResult(this.#summary(end))
    return status
  }

  /** Reports the findings of the check: warnings, and targets that are left out. */
  planned({ leftOut, warnings }: CopyPlan): void {
    for (const { name, code, message } of warnings) {
      if (this.#json) this.#output.json({ type: 'warning', receiver: name, code, message })
      else if (!this.#quiet) this.#output.warn(`${printable(name)}: ${printable(message)}`)
    }
    for (const { fault } of leftOut) this.fault(fault)
  }

  /**
   * Reports a copy that was not started: a target would fail under --on-fault abort, the source cannot be read, or a
   * signal came before.
   * @returns the exit status
   */
  notStarted(
    { targets }: CopyRequest,
    leftOut: readonly LeftOut[],
    error: CopyError | undefined,
    interrupted: number | undefined,
  ): number {
    const outcomes = targets.map(({ name }) => outcomeOfLeftOut(name, leftOut) ?? { ...NOT_STARTED, name })
    const stats = { pass: 0, messages: 0, bytes: 0, seconds: 0, receivers: [] }
    const end = { outcomes, stats, rows: undefined, seconds: 0, warnings: [], ...(error && { error }) }
    return this.end(end, interrupted)
  }

  #printResult(text: string): void {
    if (this.#rowsOnStdout) this.#output.info(text)
    else this.#output.result(text)
  }

  #failure(error: CopyError): void {
    if (error instanceof CopyAborted) {
      this.#output.error('the copy was interrupted')
      return
    }
    // the receivers' faults are reported already
    if (!(error.cause instanceof ReceiverFault)) this.fault(rootOf(error))
  }

  #verdict(outcomes: readonly Outcome[]): void {
    const names = (chosen: readonly Outcome[]): string => chosen.map(({ name }) => printable(name)).join(', ')
    const doubtful = outcomes.filter(({ state }) => state === 'in-doubt')
    if (doubtful.length > 0) this.#output.error(`in doubt: ${names(doubtful)}`)
    const loaded = outcomes.filter(isLoaded)
    if (loaded.length === outcomes.length) return
    this.#output.error(
      loaded.length === 0
        ? `${doubtful.length > 0 ? 'nothing else' : 'nothing'} is loaded`
        : `${loaded.length} of ${quantity(outcomes.length, 'target')} ${loaded.length === 1 ? 'is' : 'are'} loaded: ${names(loaded)}`,
    )
  }

  #summary({ rows, seconds, stats, outcomes, sent }: CopyEnd): string {
    const rate = seconds > 0 ? `, ${bytes(stats.bytes / seconds)}/s` : ''
    const what = rows === undefined ? bytes(stats.bytes) : `${quantity(rows, 'row')}, ${bytes(stats.bytes)}`
    const width = Math.max(...outcomes.map(({ name }) => name.length))
    const lines = outcomes.map(({ name, state, rows, retries }) => {
      const style = isLoaded({ state }) ? 'green' : 'red'
      const amount = rows === undefined ? '' : `  ${quantity(rows, 'row')}`
      const again = retries > 0 ? `, ${quantity(retries, 'retry', 'retries')}` : ''
      return `  ${printable(name).padEnd(width)}  ${this.#output.styledResult(style, state)}${amount}${again}`
    })
    const as = sent === undefined ? [] : [`  as ${sent.format}, since ${printable(sent.why)}`]
    return [`${what} in ${duration(seconds)}${rate}`, ...as, ...lines].join('\n')
  }

  #red(text: string): string {
    const [first = '', ...rest] = text.split('\n')
    return [this.#output.styled('red', first), ...rest].join('\n')
  }
}

const summaryOf = ({ outcomes, stats, rows, seconds, error, sent }: CopyEnd, status: number): object => ({
  type: 'summary',
  ok: status === 0,
  messages: stats.messages,
  rows: rows ?? null,
  bytes: stats.bytes,
  seconds,
  exitStatus: status,
  ...(sent !== undefined && { format: sent.format, why: sent.why }),
  ...(error !== undefined && { error: faultFields(error) }),
  receivers: outcomes.map(({ name, state, rows, bytes, seconds, passes, retries, fault }) => ({
    name,
    state,
    rows: rows ?? null,
    bytes,
    seconds,
    passes,
    retries,
    ...(fault !== undefined && { fault: faultFields(fault) }),
  })),
})
