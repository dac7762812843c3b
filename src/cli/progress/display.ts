/** Shows how far a copy is, until its end. */
export interface Progress {
  end(): void
}
