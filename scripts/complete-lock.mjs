// Adds missing optional packages of other platforms to package-lock.json. npm leaves them out if a registry mirror does not
// offer them, and then `npm ci` refuses the lock file. Run it after changing dependencies.
import { readFileSync, writeFileSync } from 'node:fs'

const LOCK = new URL('../package-lock.json', import.meta.url)
const OS = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
  'aix',
  'windows',
]
const CPU = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el']

const lock = JSON.parse(readFileSync(LOCK, 'utf8'))
let added = 0
for (const owner of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`
    if (lock.packages[path] !== undefined) continue
    const parts = name.split(/[/-]/)
    const os = OS.find((part) => parts.includes(part))
    const cpu = CPU.find((part) => parts.includes(part))
    if (os === undefined || cpu === undefined || !/^\d/.test(version)) {
      throw new Error(`${name}@${version}: which platform is it for?`)
    }
    lock.packages[path] = {
      version,
      cpu: [cpu],
      ...(owner.dev && { dev: true }),
      ...(parts.includes('musl') && { libc: ['musl'] }),
      ...(parts.includes('gnu') && { libc: ['glibc'] }),
      optional: true,
      os: [os],
    }
    added += 1
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
)
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} packages of other platforms added`)
