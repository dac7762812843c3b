// A null PostgreSQL server, in a process of its own. bench/null/ends.ts runs it. Argument: the MiB per second that it reads
// at most; 0 for no limit.
import { createServer, type Socket } from 'node:net'
import { NullSession } from './session.js'

const MIB = 1024 * 1024
/** The shortest pause, in milliseconds: timers are no finer than one millisecond. */
const PAUSE_MS = 10

const [mibPerSecond = 0] = process.argv.slice(2).map(Number)

/** Reads no faster than `mibPerSecond`: pauses the socket for the time that its bytes were read too early. */
const throttle = (socket: Socket): void => {
  let debtMs = 0
  socket.on('data', (chunk) => {
    debtMs += (chunk.length / MIB / mibPerSecond) * 1000
    if (debtMs < PAUSE_MS) return
    socket.pause()
    setTimeout(() => socket.resume(), debtMs)
    debtMs = 0
  })
}

const server = createServer((socket) => {
  new NullSession(socket)
  if (mibPerSecond > 0) throttle(socket)
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.once('disconnect', () => process.exit())
