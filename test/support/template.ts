import type { StartOptions } from '../../scripts/postgres/servers.js'

/** The runner makes one data folder for all test files of a run, which servers without a password are copied from. */
export const sharedTemplate = (): StartOptions => {
  const text = process.env.COPYMAN_TEST_TEMPLATE
  return text === undefined ? {} : { template: JSON.parse(text) }
}
