import type { Submittable } from 'pg'

/** The methods that pg's client calls on the query that it runs; @types/pg declares `submit` only. */
export interface PgQuery extends Submittable {
  handleCommandComplete(message: { text: string }): void
  handleReadyForQuery(): void
  handleError(error: Error): void
  handleEmptyQuery(): void
  handleCopyInResponse(): void
  handleRowDescription(): void
  handleDataRow(): void
  handlePortalSuspended(): void
  handleCopyData(): void
}
