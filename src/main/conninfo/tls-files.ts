import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { CopyError } from '../../shared/errors/errors.js'
import type { GivenParameter, GivenParameters } from './tls-parameters.js'

/** Where libpq looks for what is not named. */
const folder = (): string =>
  process.platform === 'win32'
    ? join(process.env.APPDATA ?? homedir(), 'postgresql')
    : join(homedir(), '.postgresql')

/** Stands for the authorities that node trusts. */
const SYSTEM = 'system'

export interface TlsFiles {
  readonly options: ConnectionOptions
  /** Whether there are authorities to check a server's certificate against. */
  readonly hasAuthorities: boolean
}

/**
 * Reads certificates and key: the files that were named, which must be there, or libpq's usual ones where they are.
 * @throws CopyError COPY_OPTION that names the file and what is wrong with it, and quotes nothing of it
 */
export const readTlsFiles = (words: GivenParameters, option: string): TlsFiles => {
  const find = (asked: GivenParameter | undefined, usual: string): Found | undefined => {
    if (asked !== undefined) return { path: asked.value, by: `${option}: ${asked.by}` }
    const path = join(folder(), usual)
    return existsSync(path) ? { path, by: option } : undefined
  }
  const isSystem = words.sslrootcert?.value === SYSTEM
  const root = isSystem ? undefined : find(words.sslrootcert, 'root.crt')
  // revoked certificates are looked up only where certificates are checked
  const revoked = root && find(words.sslcrl, 'root.crl')
  const certificate = find(words.sslcert, 'postgresql.crt')
  const key = certificate && find(words.sslkey, 'postgresql.key')
  if (certificate !== undefined && key === undefined) {
    throw new CopyError(
      'COPY_OPTION',
      `${certificate.by} ${certificate.path} has no key: sslkey names its file`,
    )
  }
  if (certificate === undefined && words.sslkey !== undefined) {
    throw new CopyError('COPY_OPTION', `${option}: ${words.sslkey.by} is given, but no sslcert`)
  }
  if (key !== undefined) refuseOpenKey(key)
  const options: ConnectionOptions = {
    ...(root && { ca: read(root, 'CERTIFICATE') }),
    ...(revoked && { crl: read(revoked, 'X509 CRL') }),
    ...(certificate && { cert: read(certificate, 'CERTIFICATE') }),
    ...(key && { key: read(key, 'PRIVATE KEY') }),
    ...(words.sslpassword && { passphrase: words.sslpassword.value }),
  }
  try {
    createSecureContext(options)
  } catch (error) {
    const files = [root, revoked, certificate, key].flatMap((file) => (file === undefined ? [] : [file.path]))
    // not as a cause: nothing that held the key leaves this place
    throw new CopyError(
      'COPY_OPTION',
      `${option}: ${files.join(', ')} cannot be used: ${(error as Error).message}`,
    )
  }
  return { options, hasAuthorities: isSystem || root !== undefined }
}

interface Found {
  readonly path: string
  /** Who names it, for error texts. */
  readonly by: string
}

const read = ({ path, by }: Found, kind: string): string => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CopyError('COPY_OPTION', `${by}: cannot read ${path}: ${(error as { code?: string }).code}`)
  }
  if (text.includes(`${kind}-----`)) return text
  throw new CopyError('COPY_OPTION', `${by}: ${path} holds no ${kind} in PEM format`)
}

/** libpq's rule: a key is its owner's alone, or root's and a group's. */
const refuseOpenKey = ({ path, by }: Found): void => {
  if (process.platform === 'win32' || !existsSync(path)) return
  const { mode, uid } = statSync(path)
  const tooOpen = uid === 0 && process.getuid?.() !== 0 ? 0o027 : 0o077
  if ((mode & tooOpen) === 0) return
  throw new CopyError(
    'COPY_OPTION',
    `${by}: others can read the key ${path}: its permissions must be u=rw (0600) or less`,
  )
}
