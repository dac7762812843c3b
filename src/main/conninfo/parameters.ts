import { isTlsParameter, TLS_PARAMETERS } from './tls-parameters.js'

/** libpq's keyword → the field of ConnectionConfig with the same meaning. */
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

/** All keywords that connection strings, services and the query of a URL may contain. */
export const CONNECTION_PARAMETERS: readonly string[] = [...Object.keys(FIELDS), ...TLS_PARAMETERS]

/** All fields that a connection given as an object may have, besides fields that only pg knows. */
export const CONNECTION_FIELDS: readonly string[] = [...Object.values(FIELDS), ...TLS_PARAMETERS, 'ssl']

/**
 * The field of a keyword; undefined for an unknown keyword. Unsupported TLS parameters have a field as well:
 * readTlsParameters refuses them with a reason.
 */
export const fieldOf = (keyword: string): string | undefined =>
  isTlsParameter(keyword) ? keyword : Object.hasOwn(FIELDS, keyword) ? FIELDS[keyword] : undefined
