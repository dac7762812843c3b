/** How long whole rows may lie unpublished when the source falls silent while every receiver is busy, in milliseconds. */
export const FLUSH_MS = 5

/**
 * An idle receiver is woken early for at least EARLY_BYTES, or for any rows once EARLY_MS have passed since the last
 * publish. PostgreSQL sends rows in 8 KiB writes; waking every thread for 8 KiB costs more than sending it.
 */
const EARLY_BYTES = 128 * 1024
const EARLY_MS = 1

/**
 * Whether a slice is worth waking an idle receiver for, although its slot is not full.
 * @param bytes of whole rows; @param publishedAt `performance.now()` of the last publish
 */
export const isWorthWaking = (bytes: number, publishedAt: number): boolean =>
  bytes >= EARLY_BYTES || performance.now() - publishedAt >= EARLY_MS
