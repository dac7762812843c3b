// A null PostgreSQL server, in a process of its own. Run by bench/null/ends.ts.
import { createServer } from 'node:net'
import { NullSession } from './session.js'

const server = createServer((socket) => new NullSession(socket))
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.once('disconnect', () => process.exit())
