import { createServer } from 'node:net'

/**
 * Servers use ports below the ephemeral range of the system (Linux from 32768, others from 49152). While a server is
 * stopped, the system may assign an ephemeral port to any outgoing connection, and then the server could not start
 * again. A client that retries such a port can even connect to itself.
 */
const FIRST_PORT = 10240
const PAST_PORT = 32768

/**
 * A TCP port of 127.0.0.1 that is free at the moment and not in `taken`; adds the port to `taken`. Another process may
 * take the port first, so the caller must be ready to ask for another port.
 */
export async function freePort(taken: Set<number>): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (PAST_PORT - FIRST_PORT))
    if (taken.has(port)) continue
    taken.add(port)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
