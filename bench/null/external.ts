import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const START_MS = 5000

/** The first of three free ports in a row: for a null server in C and its two raw ends. */
const freeTrio = async (): Promise<number> => {
  for (;;) {
    const port = await listening(0)
    if (port === undefined || port > 65_000) continue
    const next = [await listening(port + 1), await listening(port + 2)]
    if (!next.includes(undefined)) return port
  }
}

/** Listens for a moment. @returns the port, or undefined when it is not free */
const listening = async (port: number): Promise<number | undefined> => {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  } catch {
    return undefined
  } finally {
    server.close()
  }
}

/** A null server that is an external program: started with a port, it serves raw ends on the next two ports. */
export class ExternalNullServer {
  readonly port: number
  readonly url: string
  readonly #process: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#process = child
    this.port = port
    this.url = `postgres://null@127.0.0.1:${port}/null`
  }

  /** @param rawMib mebibytes that the raw source sends */
  static async start(program: string, rawMib: number): Promise<ExternalNullServer> {
    const port = await freeTrio()
    const child = spawn(program, [String(port), String(rawMib)], { stdio: 'ignore' })
    const server = new ExternalNullServer(child, port)
    const bound = performance.now() + START_MS
    for (;;) {
      const socket = connect(port, '127.0.0.1')
      const isUp = await once(socket, 'connect').then(
        () => true,
        () => false,
      )
      socket.destroy()
      if (isUp) return server
      if (child.exitCode !== null || performance.now() > bound) throw new Error(`${program} does not listen`)
      await sleep(20)
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill()
    await exited
  }
}
