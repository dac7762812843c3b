/** The password in a URL. A password with / or # in it makes no legal URL, but is hidden too. */
const IN_URL = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#]*:)(\S*)(@)/gi
const IN_PARAMETER = /([?&](?:ssl)?password=)([^&\s#]+)/gi
const IN_KEYWORD = /((?:^|[\s=])(?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|(?:\\.|[^\s\\])+)/gis

const MASK = '***'

/** Replaces all passwords in a text: an argument, or a message that quotes an argument. */
export const withoutSecrets = (text: string): string =>
  text.replace(IN_URL, `$1${MASK}$3`).replace(IN_PARAMETER, `$1${MASK}`).replace(IN_KEYWORD, `$1${MASK}`)

/**
 * Hides passwords in the arguments from other users of the machine: on Linux and macOS, the process list then shows the
 * title instead of the arguments.
 * @returns whether an argument contained a password
 */
export const scrubArguments = (args: readonly string[]): boolean => {
  const scrubbed = args.map(withoutSecrets)
  if (scrubbed.every((arg, i) => arg === args[i])) return false
  process.title = ['copyman', ...scrubbed].join(' ')
  return true
}
