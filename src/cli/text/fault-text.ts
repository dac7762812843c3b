import { CopyError, CopyFailed, ProducerFault, ReceiverFault } from '../../index.js'
import { adviceOn } from './advice.js'
import { printable, printableLines } from './printable.js'

/** What happened, without the layers that only say where. */
export const rootOf = (error: CopyError): CopyError => {
  const isLayer =
    error instanceof CopyFailed || error instanceof ProducerFault || error instanceof ReceiverFault
  return isLayer && error.cause instanceof CopyError ? rootOf(error.cause) : error
}

/** A fault for people: the sentence, the SQLSTATE, and below it what else the server said and what to do. */
export const faultText = (error: CopyError): string => {
  const fault = rootOf(error)
  const { sqlState, server = {} } = fault
  const message = fault.message.replace(/^the source threw: /, '')
  const first = `${printable(message)}${sqlState === undefined ? '' : ` (SQLSTATE ${printable(sqlState)})`}`
  const { detail, hint, where } = server
  const further = [detail, hint && `hint: ${hint}`, where, adviceOn(fault)]
  return [first, ...further.flatMap((text) => (text ? [printableLines(text)] : []))].join('\n    ')
}

/** A fault for programs. */
export const faultFields = (error: CopyError): Record<string, unknown> => {
  const { code, phase, sqlState, message, server } = rootOf(error)
  return {
    code,
    ...(phase !== undefined && { phase }),
    ...(sqlState !== undefined && { sqlState }),
    message,
    ...server,
  }
}
