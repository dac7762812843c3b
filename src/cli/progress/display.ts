/** A display of a running copy. */
export interface Progress {
  /** Stops the display and removes live lines. */
  end(): void
}
