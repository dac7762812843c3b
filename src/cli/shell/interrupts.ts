import { EXIT } from './exit-status.js'

/** Ctrl-C and SIGTERM, which end a copy in an orderly way; the second one ends the process at once. */
export interface Interrupts {
  /** Fires at the first one. */
  readonly signal: AbortSignal
  /** The exit status that it calls for; undefined while none has come. */
  readonly status: number | undefined
}

/** @param first told at the first one, with its name */
export const listenForInterrupts = (first: (name: string) => void): Interrupts => {
  const controller = new AbortController()
  let status: number | undefined
  const listen = (name: NodeJS.Signals, code: number): void => {
    process.on(name, () => {
      if (status !== undefined) process.exit(code)
      status = code
      first(name)
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
