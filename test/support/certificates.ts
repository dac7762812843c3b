import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Server } from '../../scripts/postgres/server.js'

/** Those in test/fixtures/tls; make.sh there describes each one. `server` signs itself, `ca` signs the others. */
export type Certificate = 'server' | 'named' | 'addressed' | 'other' | 'expired' | 'revoked' | 'client'

const FOLDER = new URL('../../../test/fixtures/tls/', import.meta.url)

export const certificatePath = (file: string): string => fileURLToPath(new URL(file, FOLDER))

export const certificateText = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8')

const lines = (pem: string): string => `SELECT unnest(string_to_array('${pem.trim()}', E'\\n'))`

/** Turns TLS on with a certificate of the fixtures. The server writes it itself, so it owns the file, whichever user it runs as. */
export const serveTls = async (server: Server, certificate: Certificate): Promise<void> => {
  await server.query(`COPY (${lines(certificateText(`${certificate}.crt`))}) TO PROGRAM 'cat > server.crt'`)
  await server.query(
    `COPY (${lines(certificateText(`${certificate}.key`))}) TO PROGRAM 'umask 077; cat > server.key'`,
  )
  await server.query('ALTER SYSTEM SET ssl = on')
  await server.query('SELECT pg_reload_conf()')
}

/** A folder of a test file's own, where a key has the permissions that git does not keep; gone after the tests. */
export const privateFolder = (...files: string[]): string => {
  const folder = mkdtempSync(join(tmpdir(), 'copyman-tls-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  for (const file of files) {
    copyFileSync(certificatePath(file), join(folder, file))
    chmodSync(join(folder, file), 0o600)
  }
  return folder
}
