import { CopyError, CopyFailed, ProducerFault, ReceiverFault } from '../../index.js'
import { adviceOn } from './advice.js'
import { printable, printableLines } from './printable.js'

/** The cause below CopyFailed, ProducerFault and ReceiverFault: these say only where the fault happened. */
export const rootOf = (error: CopyError): CopyError => {
  const isLayer =
    error instanceof CopyFailed || error instanceof ProducerFault || error instanceof ReceiverFault
  return isLayer && error.cause instanceof CopyError ? rootOf(error.cause) : error
}

/** A fault as human-readable text: message and SQLSTATE, then the server's detail, hint and context, and advice. */
export const faultText = (error: CopyError): string => {
  const fault = rootOf(error)
  const { sqlState, server = {} } = fault
  const message = fault.message.replace(/^the source threw: /, '')
  const first = `${printable(message)}${sqlState === undefined ? '' : ` (SQLSTATE ${printable(sqlState)})`}`
  const { detail, hint, where } = server
  const details = [detail, hint && `hint: ${hint}`, where, adviceOn(fault)]
  return [first, ...details.flatMap((text) => (text ? [printableLines(text)] : []))].join('\n    ')
}

/** A fault as fields of a line of JSON. */
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
