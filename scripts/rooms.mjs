/**
 * The rooms of `src`, and the rooms that each may import besides itself. A room is a folder; its README.md says what
 * lives there. A name that ends with `/*` stands for all rooms below that folder.
 */
export const ROOMS = {
  'src/shared/errors': [],
  'src/shared/ring': [],
  'src/shared/async': ['src/shared/errors'],
  'src/shared/wire': ['src/shared/errors', 'src/shared/async'],
  'src/shared/liveness': ['src/shared/errors', 'src/shared/ring'],
  'src/shared/session': ['src/shared/wire', 'src/shared/liveness', 'src/shared/errors', 'src/shared/async'],
  'src/shared/messages': [
    'src/shared/session',
    'src/shared/liveness',
    'src/shared/wire',
    'src/shared/errors',
  ],
  'src/shared/runner': [
    'src/shared/messages',
    'src/shared/liveness',
    'src/shared/ring',
    'src/shared/errors',
    'src/shared/async',
  ],

  'src/workers/targets': ['src/shared/*'],
  'src/workers': ['src/workers/targets', 'src/shared/*'],

  'src/main/formats': [],
  'src/main/ring': ['src/shared/ring', 'src/shared/errors'],
  'src/main/conninfo': ['src/shared/session', 'src/shared/wire', 'src/shared/errors', 'src/shared/async'],
  'src/main/clients': ['src/shared/session', 'src/shared/wire', 'src/shared/errors', 'src/shared/async'],
  'src/main/producers': ['src/main/ring', 'src/shared/session', 'src/shared/liveness', 'src/shared/errors'],
  'src/main/producers/statement': [
    'src/main/producers',
    'src/main/ring',
    'src/main/conninfo',
    'src/main/clients',
    'src/shared/*',
  ],
  'src/main/producers/iterable': [
    'src/main/producers',
    'src/main/formats',
    'src/shared/errors',
    'src/shared/async',
  ],
  'src/main/access': ['src/main/clients', 'src/shared/*'],
  'src/main/receivers': ['src/main/access', 'src/main/conninfo', 'src/main/clients', 'src/shared/*'],
  'src/main/links': ['src/main/access', 'src/shared/*'],
  'src/main/options': ['src/main/ring', 'src/main/links', 'src/shared/session', 'src/shared/errors'],
  'src/main/commit': ['src/main/access', 'src/main/options', 'src/shared/*'],
  'src/main/handles': [
    'src/main/commit',
    'src/main/links',
    'src/main/options',
    'src/main/receivers',
    'src/main/ring',
    'src/shared/*',
  ],
  'src/main/coordinator': [
    'src/main/handles',
    'src/main/options',
    'src/main/producers',
    'src/main/receivers',
    'src/main/ring',
    'src/shared/*',
  ],
  'src/main/manager': ['src/main/*', 'src/shared/*'],

  // the door
  src: ['src/main/*', 'src/shared/*'],

  'src/cli/text': ['src'],
  'src/cli/shell': ['src/cli/text', 'src'],
  'src/cli/sql': ['src/cli/shell', 'src/cli/text', 'src'],
  'src/cli/files': ['src/cli/shell', 'src'],
  'src/cli/request': ['src/cli/files', 'src/cli/sql', 'src/cli/shell', 'src/cli/text', 'src'],
  'src/cli/check/catalog': ['src/cli/sql', 'src/cli/text', 'src'],
  'src/cli/check/compare': ['src/cli/check/catalog', 'src/cli/sql', 'src/cli/text', 'src'],
  'src/cli/check/report': [
    'src/cli/check/compare',
    'src/cli/check/catalog',
    'src/cli/sql',
    'src/cli/text',
    'src',
  ],
  'src/cli/check': ['src/cli/check/*', 'src/cli/sql', 'src/cli/text', 'src'],
  'src/cli/plan': [
    'src/cli/check',
    'src/cli/check/report',
    'src/cli/request',
    'src/cli/sql',
    'src/cli/shell',
    'src/cli/text',
    'src',
  ],
  'src/cli/progress': [
    'src/cli/plan',
    'src/cli/request',
    'src/cli/sql',
    'src/cli/shell',
    'src/cli/text',
    'src',
  ],
  'src/cli/report': ['src/cli/plan', 'src/cli/request', 'src/cli/shell', 'src/cli/text', 'src'],
  'src/cli/run': [
    'src/cli/plan',
    'src/cli/progress',
    'src/cli/report',
    'src/cli/request',
    'src/cli/files',
    'src/cli/shell',
    'src/cli/text',
    'src',
  ],
  'src/cli/bench': ['src/cli/request', 'src/cli/shell', 'src/cli/text', 'src'],
  'src/cli/commands': ['src/cli/*', 'src'],
  'src/cli': ['src/cli/*', 'src'],
}

/** Folders outside `src`, and the places that each may import besides itself. */
export const OUTSIDE = {
  scripts: ['src/index.ts'],
  bench: ['scripts/', 'src/', 'test/support/'],
  test: ['bench/', 'scripts/', 'src/'],
}

/** Files that may lie in a room which is also the parent of other rooms: the door and the two entries. */
export const LOOSE = {
  src: ['index.ts'],
  'src/cli': ['copyman.ts', 'program.ts'],
  'src/workers': ['receiver-worker.ts'],
}

/** Text that only these files may hold: pattern, files. */
export const ALONE = [
  [/\bAtomics\./, ['src/shared/ring/cells.ts', 'src/shared/liveness/heartbeat.ts']],
  [/from 'piscina'/, ['src/main/links/worker-pool.ts']],
]
