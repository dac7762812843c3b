import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { CopyError } from '../../shared/errors/errors.js'
import type { GivenParameter, GivenParameters } from './tls-parameters.js'

/** The folder of libpq's default files. */
const defaultFolder = (): string =>
  process.platform === 'win32'
    ? join(process.env.APPDATA ?? homedir(), 'postgresql')
    : join(homedir(), '.postgresql')

/** The value of `sslrootcert` that stands for the authorities that Node trusts. */
export const SYSTEM = 'system'

export interface TlsFiles {
  readonly options: ConnectionOptions
  /** Whether there are authorities to check a server's certificate against. */
  readonly hasAuthorities: boolean
}

/**
 * Reads the certificates and the key: files that the user names must exist, libpq's default files need not.
 * @throws CopyError COPY_OPTION that names the file and the problem, and quotes nothing of the file
 */
export const readTlsFiles = (parameters: GivenParameters, option: string): TlsFiles => {
  const { root, revoked, certificate, key } = findFiles(parameters, option)
  const options: ConnectionOptions = {
    ...(root && { ca: read(root, 'CERTIFICATE') }),
    ...(revoked && { crl: read(revoked, 'X509 CRL') }),
    ...(certificate && { cert: read(certificate, 'CERTIFICATE') }),
    ...(key && { key: read(key, 'PRIVATE KEY') }),
    ...(parameters.sslpassword && { passphrase: parameters.sslpassword.value }),
  }
  try {
    createSecureContext(options)
  } catch (error) {
    const paths = [root, revoked, certificate, key].flatMap((file) => (file === undefined ? [] : [file.path]))
    // not as a cause: no object that has held the key leaves this function
    throw new CopyError(
      'COPY_OPTION',
      `${option}: ${paths.join(', ')} cannot be used: ${(error as Error).message}`,
    )
  }
  return { options, hasAuthorities: parameters.sslrootcert?.value === SYSTEM || root !== undefined }
}

interface TlsFile {
  readonly path: string
  /** The option or variable that names the file, for error texts. */
  readonly by: string
}

interface FoundFiles {
  readonly root?: TlsFile | undefined
  readonly revoked?: TlsFile | undefined
  readonly certificate?: TlsFile | undefined
  readonly key?: TlsFile | undefined
}

/** Finds the files, and refuses a certificate without a key, a key without a certificate, and a key that others can read. */
const findFiles = (parameters: GivenParameters, option: string): FoundFiles => {
  const find = (parameter: GivenParameter | undefined, defaultName: string): TlsFile | undefined => {
    if (parameter !== undefined) return { path: parameter.value, by: `${option}: ${parameter.by}` }
    const path = join(defaultFolder(), defaultName)
    return existsSync(path) ? { path, by: option } : undefined
  }
  const { sslrootcert, sslcrl, sslcert, sslkey } = parameters
  const root = sslrootcert?.value === SYSTEM ? undefined : find(sslrootcert, 'root.crt')
  // revoked certificates count only where certificates are checked
  const revoked = root && find(sslcrl, 'root.crl')
  const certificate = find(sslcert, 'postgresql.crt')
  const key = certificate && find(sslkey, 'postgresql.key')
  if (certificate !== undefined && key === undefined) {
    throw new CopyError(
      'COPY_OPTION',
      `${certificate.by} ${certificate.path} has no key: sslkey names its file`,
    )
  }
  if (certificate === undefined && sslkey !== undefined) {
    throw new CopyError('COPY_OPTION', `${option}: ${sslkey.by} is given, but no sslcert`)
  }
  if (key !== undefined) refuseOpenKey(key)
  return { root, revoked, certificate, key }
}

const read = ({ path, by }: TlsFile, kind: string): string => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CopyError('COPY_OPTION', `${by}: cannot read ${path}: ${(error as { code?: string }).code}`)
  }
  if (text.includes(`${kind}-----`)) return text
  throw new CopyError('COPY_OPTION', `${by}: ${path} holds no ${kind} in PEM format`)
}

/** libpq's rule: only its owner may read a key; if root owns the key, a group may read it too. */
const refuseOpenKey = ({ path, by }: TlsFile): void => {
  if (process.platform === 'win32' || !existsSync(path)) return
  const { mode, uid } = statSync(path)
  const tooOpen = uid === 0 && process.getuid?.() !== 0 ? 0o027 : 0o077
  if ((mode & tooOpen) === 0) return
  throw new CopyError(
    'COPY_OPTION',
    `${by}: others can read the key ${path}: its permissions must be u=rw (0600) or less`,
  )
}
