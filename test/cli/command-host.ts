/*
 * A process that runs the command again and again, each time from its entry and with its arguments, environment and
 * folder, and keeps the modules it has loaded: to load them takes longer than most of what the tests ask for.
 */

/** From the test to this process. */
export interface HostRequest {
  readonly entry: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
}

/** From this process to the test. */
export interface HostReply {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

let runs = 0

/** Keeps what is written to the stream. @returns a function that gives it and puts the stream back */
const capture = (stream: NodeJS.WriteStream): (() => string) => {
  const { write } = stream
  const known = new Set(stream.listeners('error'))
  const chunks: Buffer[] = []
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    chunks.push(Buffer.from(chunk as Uint8Array))
    const done = rest.at(-1)
    if (typeof done === 'function') process.nextTick(done as () => void)
    return true
  }
  return () => {
    stream.write = write
    for (const listener of stream.listeners('error'))
      if (!known.has(listener)) stream.off('error', listener as () => void)
    return Buffer.concat(chunks).toString()
  }
}

const setEnvironment = (env: NodeJS.ProcessEnv): void => {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
}

const runCommand = async ({ entry, args, env, cwd }: HostRequest): Promise<HostReply> => {
  setEnvironment(env)
  process.chdir(cwd)
  process.argv = [process.execPath, entry, ...args]
  const { exit, title } = process
  const streams = [capture(process.stdout), capture(process.stderr)]
  try {
    const status = await new Promise<number>((resolve, reject) => {
      process.exit = ((code: number) => resolve(code)) as typeof process.exit
      runs += 1
      // another query is another module: the entry runs again, and what it imports is there already
      import(`${entry}?run=${runs}`).catch(reject)
    })
    const [stdout = '', stderr = ''] = streams.map((end) => end())
    return { status, stdout, stderr }
  } finally {
    for (const end of streams) end()
    process.exit = exit
    process.title = title
    for (const name of ['SIGINT', 'SIGTERM']) process.removeAllListeners(name)
  }
}

process.on('message', async (request: HostRequest) => {
  process.send?.(await runCommand(request))
})
