import { EXIT } from './exit-status.js'

/** Ctrl-C and SIGTERM. The first signal cancels the copy; the second ends the process at once. */
export interface Interrupts {
  /** Fires at the first signal. */
  readonly signal: AbortSignal
  /** The exit status for the first signal; undefined before it. */
  readonly status: number | undefined
}

/** @param onFirst is called with the name of the first signal */
export const listenForInterrupts = (onFirst: (name: string) => void): Interrupts => {
  const controller = new AbortController()
  let status: number | undefined
  const listen = (name: NodeJS.Signals, code: number): void => {
    process.on(name, () => {
      if (status !== undefined) process.exit(code)
      status = code
      onFirst(name)
      controller.abort(new Error(`${name} was received`))
    })
  }
  listen('SIGINT', EXIT.interrupted)
  listen('SIGTERM', EXIT.terminated)
  return {
    signal: controller.signal,
    get status() {
      return status
    },
  }
}
