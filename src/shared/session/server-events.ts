import type pg from 'pg'
import { clean } from '../wire/server-error.js'

/**
 * A notice, notification or parameter change that the server sent without being asked. In a notice, control characters
 * other than tab and newline are replaced by U+FFFD. The payload of a notification is data and stays as it was sent.
 */
export type ServerEvent =
  | {
      readonly type: 'notice'
      readonly severity: string
      readonly code: string
      readonly message: string
      readonly detail?: string
      readonly where?: string
    }
  | {
      readonly type: 'notification'
      readonly channel: string
      readonly payload: string
      readonly processId: number
    }
  | { readonly type: 'parameter'; readonly parameter: string; readonly value: string }

type NoticeField = 'severity' | 'code' | 'message' | 'detail' | 'where'
type Notice = { readonly [F in NoticeField]?: string | undefined }

/**
 * Reports each notice, notification and parameter change of a client's server from now on, in the server's order.
 * @returns removes the listeners
 */
export const onServerEvents = (client: pg.Client, report: (event: ServerEvent) => void): (() => void) => {
  const onNotice = (notice: Notice): void => {
    const { severity = '', code = '', message = '', detail, where } = notice
    report({
      type: 'notice',
      severity: clean(severity),
      code: clean(code),
      message: clean(message),
      ...(detail && { detail: clean(detail) }),
      ...(where && { where: clean(where) }),
    })
  }
  const onNotification = ({ channel, payload = '', processId }: pg.Notification): void => {
    report({ type: 'notification', channel, payload, processId })
  }
  const onParameter = (message: { parameterName: string; parameterValue: string }): void => {
    report({ type: 'parameter', parameter: message.parameterName, value: message.parameterValue })
  }
  client.on('notice', onNotice)
  client.on('notification', onNotification)
  client.connection.on('parameterStatus', onParameter)
  return () => {
    client.off('notice', onNotice)
    client.off('notification', onNotification)
    client.connection.off('parameterStatus', onParameter)
  }
}
