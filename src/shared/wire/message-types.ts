const byte = (letter: string): number => letter.charCodeAt(0)

/** A message begins with one byte for its type and four for its length (PostgreSQL manual, 54.7). */
export const HEADER_BYTES = 5

/**
 * The first byte of each message that a server sends to a client which uses neither replication nor function calls; names
 * as in the PostgreSQL manual, 54.7.
 */
export const MESSAGE_TYPE = {
  Authentication: byte('R'),
  BackendKeyData: byte('K'),
  BindComplete: byte('2'),
  CloseComplete: byte('3'),
  CommandComplete: byte('C'),
  CopyData: byte('d'),
  CopyDone: byte('c'),
  CopyInResponse: byte('G'),
  CopyOutResponse: byte('H'),
  DataRow: byte('D'),
  EmptyQueryResponse: byte('I'),
  ErrorResponse: byte('E'),
  NoData: byte('n'),
  NoticeResponse: byte('N'),
  NotificationResponse: byte('A'),
  ParameterDescription: byte('t'),
  ParameterStatus: byte('S'),
  ParseComplete: byte('1'),
  PortalSuspended: byte('s'),
  ReadyForQuery: byte('Z'),
  RowDescription: byte('T'),
} as const

const KNOWN: ReadonlySet<number> = new Set(Object.values(MESSAGE_TYPE))

/** Whether a server may send a message of this type to us. */
export const isKnownType = (type: number): boolean => KNOWN.has(type)

/** A type for an error text: its letter in quotes. */
export const showType = (type: number): string => JSON.stringify(String.fromCharCode(type))
