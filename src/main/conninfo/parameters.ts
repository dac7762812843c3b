import { isTlsParameter, TLS_PARAMETERS } from './tls-parameters.js'

/** libpq's keywords that mean what a part of pg's config means, or that have a part of their own. */
const FIELDS: Readonly<Record<string, string>> = {
  host: 'host',
  hostaddr: 'hostaddr',
  port: 'port',
  user: 'user',
  dbname: 'database',
  password: 'password',
  passfile: 'passfile',
  service: 'service',
  connect_timeout: 'connect_timeout',
  application_name: 'application_name',
  fallback_application_name: 'fallback_application_name',
  options: 'options',
}

/** Every keyword that is known, in connection strings, services and behind the ? of URLs. */
export const CONNECTION_PARAMETERS: readonly string[] = [...Object.keys(FIELDS), ...TLS_PARAMETERS]

/** What an object for a connection may have, besides what only pg knows. */
export const CONNECTION_FIELDS: readonly string[] = [...Object.values(FIELDS), ...TLS_PARAMETERS, 'ssl']

/** What it is called in a config; undefined when it is unknown. Those of TLS that are refused are refused there, in words. */
export const fieldOf = (keyword: string): string | undefined =>
  isTlsParameter(keyword) ? keyword : Object.hasOwn(FIELDS, keyword) ? FIELDS[keyword] : undefined
