import { join } from 'node:path'
import { type Choice, chooseInstallation } from './installations.js'
import { Server } from './server.js'
import type { Settings } from './settings.js'
import { Supervision } from './supervision.js'
import { type SharedTemplate, Template } from './template.js'

export interface StartOptions extends Choice {
  /** How many servers; default: 1. */
  count?: number
  /** For all servers. They override the throw-away defaults (no fsync, 100 connections, 32 MB of buffers). */
  settings?: Settings
  /** For server `index`, counted from 0. They override the options for all servers. */
  perServer?: (index: number) => Choice & { settings?: Settings }
  /** Password of the superuser `postgres`. Default: none, so that every user of this machine may connect. */
  password?: string
  /**
   * Data folder and binaries for all servers; nothing else is chosen then. Not for servers with a password. Servers that
   * come from one template are the same cluster to PostgreSQL.
   */
  template?: SharedTemplate
  /** Default 'pg0', 'pg1' … Each server shows its name in the process list. */
  names?: string[]
}

/** The servers in order. They are stopped and removed together. */
export interface Servers extends ReadonlyArray<Server>, AsyncDisposable {
  /** The folder of all data, logs and sockets. */
  readonly folder: string
  /** The process that cleans up when this process exits. */
  readonly supervisorPid: number
  /** Resolves when processes, ports and folder are gone. May be called again. */
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL servers that are stopped and removed when this process ends, however it ends. Each server listens on
 * a port of 127.0.0.1 and on a Unix socket, and all answer when this resolves. Rejects, with nothing left, if no
 * installation matches or a server does not start; the error then holds the last lines of the log. As root, the servers
 * run as user `postgres`, else as `nobody`. Not for Windows. All files lie in TMPDIR: on Linux, TMPDIR=/dev/shm makes
 * the start faster still.
 */
export async function startServers(options: StartOptions = {}): Promise<Servers> {
  const { count = 1, settings, perServer, password, template: given, names = [], ...choice } = options
  const shared = password === undefined ? given : undefined
  const plans = Array.from({ length: count }, (_, index) => {
    const { settings: own, ...ownChoice } = perServer?.(index) ?? {}
    const installation = shared ?? chooseInstallation({ ...choice, ...ownChoice })
    return { name: names[index] ?? `pg${index}`, installation, settings: { ...settings, ...own } }
  })
  const supervision = await Supervision.begin()
  const templates = new Map<string, Promise<Template>>()
  const ports = new Set<number>()
  const started = await Promise.allSettled(
    plans.map(async ({ name, installation, settings }, index) => {
      const folder = join(supervision.folder, `${index}`)
      const { bindir } = installation
      const template =
        templates.get(bindir) ??
        (shared === undefined
          ? Template.make(supervision, installation, `${folder}.template`, password)
          : Promise.resolve(Template.shared(supervision, shared)))
      templates.set(bindir, template)
      const server = new Server(await template, name, folder, ports)
      await server.create(settings)
      await server.start()
      return server
    }),
  )
  const failed = started.find((outcome) => outcome.status === 'rejected')
  if (failed) {
    await supervision.end()
    throw failed.reason
  }
  const stop = () => supervision.end()
  const servers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  return Object.assign(servers, {
    folder: supervision.folder,
    supervisorPid: supervision.pid,
    stop,
    [Symbol.asyncDispose]: stop,
  })
}
