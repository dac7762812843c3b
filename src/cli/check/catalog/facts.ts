/** What the catalog of a server says about itself and the role that is connected. */
export interface ServerFacts {
  /** Such as 150018. */
  readonly version: number
  /** Such as 15.18. */
  readonly versionText: string
  readonly encoding: string
  readonly role: string
  readonly database: string
  readonly isSuperuser: boolean
  readonly isInRecovery: boolean
  readonly isReadOnly: boolean
  /** Tells one running server from all others; `system` is shared by physical copies. */
  readonly instance: string
  readonly system: string | null
  readonly databaseOid: string
  readonly connections: ConnectionFacts
  /** How connections come about, where something stands between. */
  readonly pooler: 'none' | 'session' | 'transaction' | 'unknown'
}

/** How many more this role may open to this database now, and what bounds it. */
export interface ConnectionFacts {
  readonly free: number
  readonly bound: string
}

/** A type, as far as it decides what its values look like on the wire. */
export interface TypeFacts {
  readonly oid: string
  readonly name: string
  readonly schema: string
  /** pg_type.typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange. */
  readonly kind: string
  readonly isBuiltIn: boolean
  readonly hasBinary: boolean
  readonly isArray: boolean
  /** Oid of an array's element, a domain's base or a range's subtype; '0' for none. */
  readonly part: string
  /** Name and version of the extension it belongs to. */
  readonly extension: string | null
  readonly labels: readonly string[] | null
}

export type TypeMap = ReadonlyMap<string, TypeFacts>

export interface ColumnFacts {
  readonly name: string
  /** As SQL writes it, such as numeric(10,2). */
  readonly typeName: string
  readonly type: string
  readonly typmod: number
  readonly isNotNull: boolean
  readonly hasDefault: boolean
  readonly isGenerated: boolean
  /** Its values are drawn from a sequence unless given. */
  readonly hasSequence: boolean
  readonly canSelect: boolean
  readonly canInsert: boolean
}

interface TriggerFacts {
  readonly name: string
  readonly isBeforeRow: boolean
  readonly isInsteadOf: boolean
}

/** What the catalog says about one table, view or partitioned table. */
export interface TableFacts {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign table, and what is no table. */
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
  /** Tables it refers to, and other tables that refer to it. */
  readonly refersTo: readonly string[]
  readonly referredBy: readonly string[]
  readonly partitions: number
  readonly hasDefaultPartition: boolean
  readonly children: number
  /** Oids of the partitioned tables above it, itself included. */
  readonly ancestors: readonly string[]
  /** Sessions that hold a lock on it now that loading, or emptying, would wait for. */
  readonly blockers: { readonly load: number; readonly truncate: number }
}

/** What a source gives, whatever it is: a table's columns, or a query's. */
export interface Readable {
  readonly columns: readonly Pick<ColumnFacts, 'name' | 'typeName' | 'type' | 'typmod'>[]
  readonly types: TypeMap
}
