/** The results that the manager writes into a producer; their contract stands in Producer. */
export abstract class ProducerTotals {
  /** CopyData messages of one pass that the caller's loop has taken. */
  totalMessages = 0
  /** Payload bytes of one pass that the caller's loop has taken. */
  totalBytes = 0
  /** At the end: rows by the producer's own count; undefined when it cannot count them. */
  count: number | undefined
  /** At the end: the server's command tag. */
  command: string | undefined
}
