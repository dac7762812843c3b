import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { busySeconds } from './busy.js'
import type { Sample } from './in-turn.js'
import { watchMemory } from './processes.js'

/** The report of a program: the last line of its output, as JSON. */
type Report = Readonly<Record<string, number>>

export interface Run extends Sample {
  readonly report: Report
}

/** Parses the output of `times` in a POSIX shell: line 2 has user and system time of all children that it waited for. */
const cpuSeconds = (times: string): number => {
  const found = [...(times.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  if (found.length !== 2) throw new Error(`the shell's times cannot be parsed: ${times}`)
  return found.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0)
}

/**
 * Runs a shell script as a contender, and counts CPU and memory of all processes that it starts. If its last line is a
 * JSON report with `wall`, this is the wall time; otherwise the wall time is that of the whole script.
 */
export const runScript = async (script: string, args: readonly string[] = []): Promise<Run> => {
  const begun = performance.now()
  const busyBefore = busySeconds()
  const child = spawn('/bin/sh', ['-c', `set -e\n${script}\ntimes >&3`, 'sh', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const memory = watchMemory(child.pid as number)
  const [output, errors, times] = await Promise.all([
    textOf(child.stdio[1] as NodeJS.ReadableStream),
    textOf(child.stdio[2] as NodeJS.ReadableStream),
    textOf(child.stdio[3] as NodeJS.ReadableStream),
    once(child, 'close'),
  ])
  const elapsed = (performance.now() - begun) / 1000
  const busy = busySeconds() - busyBefore
  const peakMib = memory.peakMib()
  if (child.exitCode !== 0)
    throw new Error(`${script.trim()} ended with ${child.exitCode}: ${output}${errors}`)
  process.stderr.write(errors)
  const last = output.trim().split('\n').at(-1) ?? ''
  const report = last.startsWith('{') ? (JSON.parse(last) as Report) : {}
  const cpu = cpuSeconds(times)
  return { wall: report.wall ?? elapsed, cpu, peakMib, elapsed, others: busy - cpu, report }
}

/** Runs a program of bench/programs in a new Node process. */
export const runNode = (program: string, job: object): Promise<Run> =>
  runScript('"$@"', [
    process.execPath,
    fileURLToPath(new URL(`../programs/${program}.js`, import.meta.url)),
    JSON.stringify(job),
  ])

const textOf = async (stream: NodeJS.ReadableStream): Promise<string> => {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}
