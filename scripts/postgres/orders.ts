/** The user that servers run as where this process is root, who may not run them. */
export interface Account {
  uid: number
  gid: number
}

export interface Command {
  /** Absolute, or a name in the PATH. */
  file: string
  args: string[]
  /** The file its output is appended to. */
  log: string
  /** The servers' user, or this process's own. */
  as: 'server' | 'self'
  /** What ends it when all is over. Without it, it is let finish: a killed initdb leaves shared memory. */
  farewell?: NodeJS.Signals
}

/** From this process to its supervisor. */
export type Order =
  | ({ order: 'launch'; id: number } & Command)
  | { order: 'signal'; id: number; signal: NodeJS.Signals }

/** From the supervisor to this process. `ended` without a reason is an exit with status 0. */
export type Report =
  | { report: 'ready'; folder: string; account: Account | undefined }
  | { report: 'launched'; id: number; pid: number }
  | { report: 'ended'; id: number; reason: string | undefined }
  | { report: 'fault'; message: string }
