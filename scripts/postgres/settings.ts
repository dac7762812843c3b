/** Names and values as in postgresql.conf, unquoted: { work_mem: '64MB' }. */
export type Settings = Record<string, string>

/** Settings of a server whose data may be lost at any time. */
export const THROW_AWAY_SETTINGS: Settings = {
  listen_addresses: '127.0.0.1',
  max_connections: '100',
  shared_buffers: '32MB',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  // Segments become files of the data folder and are removed with it; in /dev/shm those of a killed server would remain.
  dynamic_shared_memory_type: 'mmap',
}

/** The settings as lines of postgresql.conf. If a name occurs twice there, the last line counts. */
export function settingLines(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`)
    .join('')
}
