/** The password of a URL; one that holds / or # is none, but is one to its writer. */
const IN_URL = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#]*:)(\S*)(@)/gi
const IN_PARAMETER = /([?&](?:ssl)?password=)([^&\s#]+)/gi
const IN_KEYWORD = /((?:^|[\s=])(?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|(?:\\.|[^\s\\])+)/gis

const SHOWN = '***'

/** The text without the passwords that it holds, whatever it is: an argument, or a message that quotes one. */
export const withoutSecrets = (text: string): string =>
  text.replace(IN_URL, `$1${SHOWN}$3`).replace(IN_PARAMETER, `$1${SHOWN}`).replace(IN_KEYWORD, `$1${SHOWN}`)

/**
 * Takes passwords out of what other users see of this process: the title takes the place of the arguments in the process
 * list on Linux and macOS.
 * @returns whether there was one
 */
export const scrubArguments = (args: readonly string[]): boolean => {
  const scrubbed = args.map(withoutSecrets)
  if (scrubbed.every((arg, i) => arg === args[i])) return false
  process.title = ['copyman', ...scrubbed].join(' ')
  return true
}
