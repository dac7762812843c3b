import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { CONNECTION_FIELDS } from '../../index.js'
import { usageError } from '../shell/usage.js'
import { messageOf } from '../text/message-of.js'
import type { Settings } from './settings.js'

/** The type of a setting in the file. */
type Shape = 'text' | 'flag' | 'texts' | 'number' | 'connection' | 'targets'

const SHAPES: Readonly<Record<keyof Settings, Shape>> = {
  from: 'connection',
  table: 'text',
  query: 'text',
  file: 'text',
  to: 'targets',
  toTable: 'text',
  format: 'text',
  header: 'flag',
  truncate: 'flag',
  freeze: 'flag',
  before: 'texts',
  after: 'texts',
  analyze: 'flag',
  onFault: 'text',
  retry: 'number',
  atomicity: 'text',
  lag: 'text',
  check: 'flag',
  dryRun: 'flag',
  json: 'flag',
  quiet: 'flag',
}

const TARGET_KEYS = ['name', 'connection', 'table', 'file']

/**
 * Reads settings from a JSON or YAML file. They have the names of the flags, as `on-fault` or `onFault`. No message quotes
 * the file, since it may contain passwords.
 * @throws CopyError COPY_OPTION that names the file, the place and what is legal
 */
export const readConfigFile = async (path: string): Promise<Settings> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw usageError(`--config: ${messageOf(error)}`)
  }
  const found = extname(path) === '.json' ? parseJson(text, path) : await parseYaml(text, path)
  if (!isRecord(found)) throw usageError(`${path}: settings are expected, e.g. "table: events"`)
  const settings: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(found)) {
    const name = key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (!isSetting(name)) {
      const known = Object.keys(SHAPES).join(', ')
      throw usageError(`${path}: there is no setting ${JSON.stringify(key)}; there are ${known}`)
    }
    if (name in settings) throw usageError(`${path}: ${name} is given twice`)
    settings[name] = checkSetting(value, SHAPES[name], `${path}: ${key}`)
  }
  return settings
}

const isSetting = (name: string): name is keyof Settings => Object.hasOwn(SHAPES, name)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const checkSetting = (value: unknown, shape: Shape, where: string): unknown => {
  switch (shape) {
    case 'text':
      if (typeof value !== 'string') throw usageError(`${where} must be text`)
      return value
    case 'flag':
      if (typeof value !== 'boolean') throw usageError(`${where} must be true or false`)
      return value
    case 'number':
      if (typeof value !== 'number') throw usageError(`${where} must be a number`)
      return String(value)
    case 'texts': {
      const list = Array.isArray(value) ? value : [value]
      if (list.some((one) => typeof one !== 'string'))
        throw usageError(`${where} must be text, or a list of texts`)
      return list
    }
    case 'connection':
      return connection(value, where)
    case 'targets':
      if (!Array.isArray(value)) throw usageError(`${where} must be a list`)
      return value.map((one, i) => target(one, `${where}[${i}]`))
    default:
      throw new TypeError(`unknown shape ${String(shape satisfies never)}`)
  }
}

const connection = (value: unknown, where: string): unknown => {
  if (typeof value !== 'string' && !isRecord(value)) {
    throw usageError(`${where} must be a URL, libpq keywords, or an object with host, port, user, database`)
  }
  if (isRecord(value)) checkFields(value, where)
  return value
}

const NOT_TEXT = ['port', 'connect_timeout', 'ssl']

const checkFields = (given: Record<string, unknown>, where: string): void => {
  for (const [key, value] of Object.entries(given)) {
    if (!CONNECTION_FIELDS.includes(key)) {
      throw usageError(
        `${where}: there is no ${JSON.stringify(key)}; there are ${CONNECTION_FIELDS.join(', ')}`,
      )
    }
    if (!NOT_TEXT.includes(key) && typeof value !== 'string')
      throw usageError(`${where}.${key} must be text, in quotes if it looks like a number`)
  }
}

const target = (value: unknown, where: string): unknown => {
  if (typeof value === 'string') return value
  if (!isRecord(value))
    throw usageError(`${where} must be a URL, or an object with ${TARGET_KEYS.join(', ')}`)
  for (const key of Object.keys(value)) {
    if (!TARGET_KEYS.includes(key)) {
      throw usageError(`${where}: there is no ${JSON.stringify(key)}; there are ${TARGET_KEYS.join(', ')}`)
    }
  }
  if ((value.connection === undefined) === (value.file === undefined)) {
    throw usageError(`${where} needs either connection or file`)
  }
  if (value.connection !== undefined) connection(value.connection, `${where}.connection`)
  for (const key of ['name', 'table', 'file']) {
    if (value[key] !== undefined && typeof value[key] !== 'string')
      throw usageError(`${where}.${key} must be text`)
  }
  return value
}

const parseJson = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    const at = /position (\d+)/.exec(messageOf(error))?.[1]
    const line = at === undefined ? '' : ` at line ${text.slice(0, Number(at)).split('\n').length}`
    throw usageError(`${path} is not JSON${line}`)
  }
}

const parseYaml = async (text: string, path: string): Promise<unknown> => {
  // loaded only here: most runs have no YAML file
  const { LineCounter, parseDocument } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [error] = document.errors
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0])
    throw usageError(`${path} is not YAML at line ${line}, column ${col} (${error.code})`)
  }
  try {
    return document.toJS()
  } catch {
    throw usageError(`${path}: an alias has no anchor, or there are too many aliases`)
  }
}
