/** Facts of a server and of the role that is connected. */
export interface ServerFacts {
  /** server_version_num, e.g. 150018. */
  readonly version: number
  /** E.g. 15.18. */
  readonly versionText: string
  readonly encoding: string
  readonly role: string
  readonly database: string
  readonly isSuperuser: boolean
  readonly isInRecovery: boolean
  readonly isReadOnly: boolean
  /** The start of the postmaster, which differs between servers; physical copies of one server share `system`. */
  readonly instance: string
  readonly system: string | null
  readonly databaseOid: string
  readonly connections: ConnectionFacts
  /** The kind of pooler between copyman and the server. */
  readonly pooler: 'none' | 'session' | 'transaction' | 'unknown'
}

/** How many more connections this role can open to this database now, and the limit that applies. */
export interface ConnectionFacts {
  readonly free: number
  /** The limit in words, e.g. `max_connections 100`. */
  readonly limit: string
}

/** The facts of a type that decide the form of its values in COPY data. */
export interface TypeFacts {
  readonly oid: string
  readonly name: string
  readonly schema: string
  /** pg_type.typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange. */
  readonly kind: string
  readonly isBuiltIn: boolean
  readonly hasBinary: boolean
  readonly isArray: boolean
  /** Oid of an array's element, a domain's base type or a range's subtype; '0' for other types. */
  readonly part: string
  /** Name and version of the extension that defines the type. */
  readonly extension: string | null
  readonly labels: readonly string[] | null
}

export type TypeMap = ReadonlyMap<string, TypeFacts>

export interface ColumnFacts {
  readonly name: string
  /** As SQL writes it, e.g. numeric(10,2). */
  readonly typeName: string
  readonly type: string
  readonly typmod: number
  readonly isNotNull: boolean
  readonly hasDefault: boolean
  readonly isGenerated: boolean
  /** A sequence supplies its default values. */
  readonly hasSequence: boolean
  readonly canSelect: boolean
  readonly canInsert: boolean
}

interface TriggerFacts {
  readonly name: string
  readonly isBeforeRow: boolean
  readonly isInsteadOf: boolean
}

/** Facts of one table, view or partitioned table. */
export interface TableFacts {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** pg_class.relkind: r table, p partitioned table, v view, m materialized view, f foreign table, others: no table. */
  readonly kind: string
  readonly columns: readonly ColumnFacts[]
  readonly types: TypeMap
  readonly isUnlogged: boolean
  readonly isPopulated: boolean
  readonly hasSchemaUsage: boolean
  readonly canTruncate: boolean
  readonly isRowSecured: boolean
  readonly insertTriggers: readonly TriggerFacts[]
  readonly truncateTriggers: readonly string[]
  readonly insertRules: readonly string[]
  /** Tables that its foreign keys reference, and other tables whose foreign keys reference it. */
  readonly refersTo: readonly string[]
  readonly referredBy: readonly string[]
  readonly partitions: number
  readonly hasDefaultPartition: boolean
  readonly children: number
  /** Oids of the table itself and of the partitioned tables above it. */
  readonly ancestors: readonly string[]
  /** Number of sessions that hold a lock now which COPY, or TRUNCATE, would wait for. */
  readonly blockers: { readonly load: number; readonly truncate: number }
}

/** The columns of a table or of a query's result. */
export interface Readable {
  readonly columns: readonly Pick<ColumnFacts, 'name' | 'typeName' | 'type' | 'typmod'>[]
  readonly types: TypeMap
}
