import { createServer } from 'node:net'

/**
 * Servers take ports below the range that systems hand out by themselves (Linux from 32768, others from
 * 49152): a port out of that range may become the near end of anybody's connection while its server is
 * stopped, and the server could not come back. A client that keeps trying can even meet itself there.
 */
const FIRST_PORT = 10240
const PAST_PORT = 32768

/**
 * A TCP port of 127.0.0.1 that nobody listened on a moment ago, and that is not in `taken`; adds it there.
 * Another process may be faster: whoever listens on it must be ready to ask again.
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
