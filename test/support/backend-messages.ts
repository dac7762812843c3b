import { message } from './wire.js'

/** ErrorResponse. */
export const errorResponse = (sqlState: string, text: string): Buffer =>
  message('E', `SERROR\0VERROR\0C${sqlState}\0M${text}\0\0`)

export const notice = (text: string): Buffer => message('N', `SNOTICE\0VNOTICE\0C00000\0M${text}\0\0`)

/** CommandComplete. */
export const complete = (tag: string): Buffer => message('C', `${tag}\0`)

/** ReadyForQuery: idle, in a transaction, in a failed one. */
export const ready = (status: 'I' | 'T' | 'E'): Buffer => message('Z', status)

export const copyInResponse = (binary = false): Buffer => message('G', copyFormat(binary))
export const copyOutResponse = (binary = false): Buffer => message('H', copyFormat(binary))

/** RowDescription of `count` text columns. */
export const columns = (count = 1): Buffer => {
  const column = Buffer.concat([
    Buffer.from('v\0'),
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]),
  ])
  return message('T', Buffer.concat([int16(count), ...Array<Buffer>(count).fill(column)]))
}

/** DataRow. */
export const dataRow = (...values: readonly string[]): Buffer => {
  const fields = values.flatMap((value) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(Buffer.byteLength(value))
    return [length, Buffer.from(value)]
  })
  return message('D', Buffer.concat([int16(values.length), ...fields]))
}

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])

/** The answer to the startup message of a client that the server trusts. */
export const welcome = (processId: number): Buffer[] => {
  const key = Buffer.alloc(8)
  key.writeInt32BE(processId)
  const parameters = { server_version: '15.0', client_encoding: 'UTF8', DateStyle: 'ISO, MDY' }
  return [
    message('R', Buffer.alloc(4)),
    ...Object.entries(parameters).map(([name, value]) => parameterStatus(name, value)),
    message('K', key),
    ready('I'),
  ]
}

const copyFormat = (binary: boolean): Buffer => Buffer.from(binary ? [1, 0, 1, 0, 1] : [0, 0, 1, 0, 0])

/** NotificationResponse. */
export const notification = (channel: string, payload: string): Buffer =>
  message('A', Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from(`${channel}\0${payload}\0`)]))

/** ParameterStatus. */
export const parameterStatus = (parameter: string, value: string): Buffer =>
  message('S', `${parameter}\0${value}\0`)
