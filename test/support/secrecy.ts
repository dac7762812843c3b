import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { inspect } from 'node:util'

/** All texts that a value can produce: as a string, as JSON, by inspect with hidden fields, and those of its causes. */
export const show = (value: unknown): string => {
  const seen = new Set<unknown>()
  const texts: string[] = []
  const walk = (part: unknown): void => {
    if (seen.has(part)) return
    seen.add(part)
    for (const options of [
      { depth: Number.POSITIVE_INFINITY, showHidden: true },
      { depth: Number.POSITIVE_INFINITY, getters: true, showProxy: true, maxArrayLength: null },
    ])
      texts.push(inspect(part, { ...options, maxStringLength: null }))
    texts.push(String(part), asJson(part))
    if (part instanceof Error) {
      texts.push(part.message, part.stack ?? '')
      walk(part.cause)
    }
  }
  walk(value)
  return texts.join('\n')
}

const asJson = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return ''
  }
}

/** The titles, arguments and thread names that other users of the machine see of this process. */
export const processList = (): string => {
  const texts = [process.title, process.argv.join(' '), process.execArgv.join(' ')]
  if (process.platform === 'linux') {
    texts.push(readFileSync('/proc/self/cmdline', 'latin1'))
    for (const task of readdirSync('/proc/self/task'))
      texts.push(readFileSync(`/proc/self/task/${task}/comm`, 'latin1'))
  }
  return texts.join('\n')
}

/** Records the output of this process and its workers, and the warnings, until `stop()` returns them. */
export const listenToOutput = (): { stop(): string } => {
  const texts: string[] = []
  const streams = [process.stdout, process.stderr]
  const writes = streams.map((stream) => stream.write)
  const onWarning = (warning: Error): void => void texts.push(show(warning))
  process.on('warning', onWarning)
  for (const stream of streams) {
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      texts.push(Buffer.from(chunk as string).toString('latin1'))
      return write(chunk, ...rest)
    }) as typeof stream.write
  }
  return {
    stop() {
      process.off('warning', onWarning)
      for (const [i, stream] of streams.entries()) stream.write = writes[i] as typeof stream.write
      return texts.join('\n')
    },
  }
}

/** Fails if the text shows one of the secrets. The message says where, without the secret. */
export const assertSecret = (secrets: readonly string[], text: string, where: string): void => {
  for (const secret of secrets)
    for (const form of [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('hex'),
    ]) {
      const at = text.indexOf(form)
      if (at >= 0) assert.fail(`${where} shows a secret: ${text.slice(Math.max(0, at - 200), at)}▮`)
    }
}
