/** The user that servers run as if this process runs as root: PostgreSQL refuses to run as root. */
export interface Account {
  uid: number
  gid: number
}

export interface Command {
  /** An absolute path, or a name in the PATH. */
  file: string
  args: string[]
  /** The file that the command's output is appended to. */
  log: string
  /** `server`: the servers' user; `self`: the user of this process. */
  as: 'server' | 'self'
  /** The signal that stops the command at shutdown. Without a signal the command may finish: a killed initdb leaves shared memory. */
  stopSignal?: NodeJS.Signals
}

/** From this process to its supervisor. */
export type Order =
  | ({ order: 'launch'; id: number } & Command)
  | { order: 'signal'; id: number; signal: NodeJS.Signals }

/** From the supervisor to this process. `ended` without a reason means exit status 0. */
export type Report =
  | { report: 'ready'; folder: string; account: Account | undefined }
  | { report: 'launched'; id: number; pid: number }
  | { report: 'ended'; id: number; reason: string | undefined }
  | { report: 'fault'; message: string }
