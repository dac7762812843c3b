/** Names and values as in postgresql.conf, unquoted: { work_mem: '64MB' }. */
export type Settings = Record<string, string>

/** postgresql.conf of a server that nobody will miss. */
export const THROW_AWAY_SETTINGS: Settings = {
  listen_addresses: '127.0.0.1',
  max_connections: '100',
  shared_buffers: '32MB',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  // Segments become files of the data folder and leave with it; /dev/shm would keep those of a killed server.
  dynamic_shared_memory_type: 'mmap',
}

/** Lines of postgresql.conf; the last line for a name counts. */
export function settingLines(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`)
    .join('')
}
