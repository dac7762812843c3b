import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** A null server in a process of its own, so that its work is not counted as the engine's. The process ends with its parent. */
export class NullEnd {
  readonly url: string
  readonly #process: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#process = child
    this.url = `postgres://null@127.0.0.1:${port}/null`
  }

  /** @param mibPerSecond the most that the server reads; 0 for no limit */
  static async start(mibPerSecond = 0): Promise<NullEnd> {
    const child = fork(new URL('./server.js', import.meta.url), [String(mibPerSecond)])
    const [address] = (await once(child, 'message')) as [AddressInfo]
    return new NullEnd(child, address.port)
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, 'exit')
    this.#process.disconnect()
    await exited
  }
}
