type StatementTargetModule = typeof import('./statement-target.js')

/**
 * Loads the statement target, and with it pg, at a third less cost than a plain import. pg checks whether it runs on
 * Cloudflare: by `navigator`, which Node has since version 21, and otherwise by a `Response`, for which Node loads its
 * whole fetch (pg lib/stream.js). That is most of the cost of starting a thread, so `navigator` is defined here meanwhile.
 */
export const loadStatementTarget = async (): Promise<StatementTargetModule> => {
  if ('navigator' in globalThis) return import('./statement-target.js')
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: `Node.js/${process.versions.node.split('.')[0]}` },
    configurable: true,
  })
  try {
    return await import('./statement-target.js')
  } finally {
    Reflect.deleteProperty(globalThis, 'navigator')
  }
}
