// A store in a PostgreSQL database. Any number of processes may have it open at a time: each keeps
// counts and heads in memory, follows the commits of the others, and appends only where the log is
// where it thinks it is.
// Spec: protocol/store.md, T50 to T57.

import * as crypto from 'node:crypto'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { Mutex } from '../../base/mutex.ts'
import { genesisLink } from '../commit-record.ts'
import type { HeldLimits } from '../quota.ts'
import type {
  Fault,
  ForeignChange,
  FrontierStore,
  HeldStore,
  Records,
  SharingStatus,
  Store,
  StoreSharing,
} from '../store.ts'
import { StoreHealth } from '../store-health.ts'
import { checkStreamName, unknownFrontier } from '../validate.ts'
import type { PgAddress } from './pg-address.ts'
import { PgControl } from './pg-control.ts'
import { PgDocuments } from './pg-documents.ts'
import type { PgConnection, PgRow } from './pg-driver.ts'
import { PgHeldStore } from './pg-held.ts'
import { PgLog } from './pg-log.ts'
import { PG_END, readPgEnd } from './pg-log-end.ts'
import { type PgParts, PgRecords } from './pg-records.ts'
import { readPgSchema } from './pg-schema.ts'
import { PgSessions } from './pg-sessions.ts'
import { pgInt, pgText } from './pg-values.ts'
import { verifyPgLog } from './pg-verify.ts'

/** How to open a PostgreSQL store. */
export interface PgStoreOptions {
  /** Limits of held nodes. Default `HELD_LIMITS`. */
  readonly heldLimits?: HeldLimits
  /**
   * Accept a server that acknowledges a commit before a second machine has it. Default false:
   * ERR_STORE_ASYNC.
   */
  readonly allowAsync?: boolean
  /** ms that an operation waits for a primary server before it fails. Default 30,000. */
  readonly patienceMs?: number
  /** The id of a store that is created, 16 bytes, for a copy. Default: random. */
  readonly id?: Uint8Array
}

const ROUNDS_MAX = 1000

/**
 * A store in a PostgreSQL database.
 *
 * @example
 * const store = await openPostgres('postgres://replica@db1,db2,db3/replica')
 * await using replica = await Replica.open({ location: store, key })
 */
export class PgStore implements Store {
  readonly sharing: StoreSharing
  readonly health = new StoreHealth()
  readonly id: Uint8Array
  readonly #parts: PgParts
  readonly #records: PgRecords
  readonly #held: PgHeldStore
  readonly #logs = new Map<string, PgLog>()
  readonly #listeners = new Set<(change: ForeignChange) => void>()
  readonly #schema: string
  /** Serializes looks at what other processes wrote. */
  readonly #feedMutex = new Mutex()
  /** A look that waits to begin: later wishes join it. */
  #nextLook: Promise<void> | undefined
  #isAsync = false
  #lookedAt = performance.now()

  /** Opens the store of a database that has one. @throws ReplicaError ERR_STORE_…, ERR_USAGE */
  static async open(address: PgAddress, options: Required<Omit<PgStoreOptions, 'id'>>): Promise<PgStore> {
    let opened: PgStore | undefined
    const hooks = {
      check: async (connection: PgConnection) => {
        if (opened !== undefined) await opened.#checkServer(connection)
      },
      patienceMs: options.patienceMs,
    }
    const sessions = new PgSessions(address, hooks)
    try {
      const schema = await sessions.read(connection => readPgSchema(connection, address.schema))
      if (schema === undefined) throw new ReplicaError('ERR_STORE_MISSING', 'the database does not have a store')
      const store = new PgStore(sessions, { id: schema.id, schema: address.schema, heldLimits: options.heldLimits })
      await store.#load(options.allowAsync)
      opened = store
      return store
    } catch (error) {
      await sessions.close()
      throw error
    }
  }

  private constructor(sessions: PgSessions, options: { id: Uint8Array; schema: string; heldLimits: HeldLimits }) {
    this.id = options.id
    this.#schema = options.schema
    const control = new PgControl(sessions, { schema: options.schema, onNews: () => void this.#look().catch(() => {}) })
    this.#parts = { sessions, control, mutex: new Mutex(), writer: crypto.randomBytes(16) }
    const isReplicated = (): boolean => !this.#isAsync
    this.sharing = {
      get isReplicated() {
        return isReplicated()
      },
      status: () => this.#status(),
      exclusive: (name, task) => this.#exclusive(name, task),
      subscribe: one => this.#subscribe(one),
    }
    this.#records = new PgRecords(this.#parts)
    this.#held = new PgHeldStore(this.#parts, {
      limits: options.heldLimits,
      ordinalOf: name => this.#log(name).ordinal,
      onChange: name => this.#log(name).noteHeldChange(),
    })
  }

  get records(): Records {
    return this.#records
  }

  get held(): HeldStore {
    return this.#held
  }

  frontiers(): string[] {
    return [...this.#logs.keys()].sort()
  }

  frontier(name: string): FrontierStore {
    return this.#log(name)
  }

  async track(name: string): Promise<FrontierStore> {
    checkStreamName(name)
    this.#parts.mutex.assertOpen()
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const known = this.#logs.get(name)
      if (known !== undefined) return known
      const ordinal = Math.max(1, ...[...this.#logs.values()].map(log => log.ordinal)) + 1
      const values = [name, ordinal, genesisLink(this.id, ordinal, name)]
      await this.#parts.sessions.write(connection => connection.query('SELECT track($1, $2, $3)', values))
      await this.#look()
    }
    throw new ReplicaError(
      'ERR_STORE_IO',
      `the frontier ${name} can't be added: other processes add frontiers all the time`,
    )
  }

  async *verify(options: { signal?: AbortSignal; onProgress?: (nodes: number) => void } = {}): AsyncIterable<Fault> {
    yield* this.#records.verify()
    let nodes = 0
    const onRows = (count: number): void => {
      nodes += count
      options.onProgress?.(nodes)
    }
    for (const log of [...this.#logs.values()]) {
      yield* verifyPgLog(this.#parts.sessions, log, { id: this.id, onRows, signal: options.signal })
      yield* this.#held.verify(log.name)
      yield* new PgDocuments(this.#parts, log.ordinal).verify(log.name)
    }
  }

  async diskBytes(): Promise<number> {
    this.#parts.mutex.assertOpen()
    const sql = `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'`
    const rows = await this.#parts.sessions.read(connection => connection.query(sql, [this.#schema]))
    return pgInt(rows[0]?.[0])
  }

  close(): Promise<void> {
    return this.#parts.mutex.close(async () => {
      await Promise.all([...this.#logs.values()].map(log => log.close()))
      await this.#parts.control.close()
      await this.#feedMutex.close()
      await this.#parts.sessions.close()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Checks a server before its first use. Once a server has lost acknowledged commits, the store
   * does nothing more.
   * @throws ReplicaError ERR_STORE_FENCED
   */
  async #checkServer(connection: PgConnection): Promise<void> {
    this.health.assertWritable()
    try {
      for (const log of this.#logs.values()) await log.checkServer(connection)
    } catch (error) {
      if (hasCode(error, 'ERR_STORE_FENCED')) this.health.refuse({ cause: 'fenced', error })
      throw error
    }
  }

  #exclusive<T>(name: string, task: () => Promise<T>): Promise<T> {
    return this.#parts.control.exclusive(name, async () => {
      await this.#look()
      return await task()
    })
  }

  async #status(): Promise<SharingStatus> {
    const sql = 'SELECT min(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn))::bigint FROM pg_stat_replication'
    const [row] = await this.#parts.sessions.read(connection => connection.query(sql))
    const lag = row?.[0] ?? null
    return {
      server: this.#parts.sessions.server,
      isReplicated: !this.#isAsync,
      unknownWrites: this.#parts.sessions.unknownWrites,
      feedAgeMs: Math.round(performance.now() - this.#lookedAt),
      lagBytes: lag === null ? undefined : pgInt(lag),
    }
  }

  #subscribe(listener: (change: ForeignChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #load(allowAsync: boolean): Promise<void> {
    this.#isAsync = !(await this.#parts.sessions.read(connection => waitsForStandby(connection, allowAsync)))
    await this.#records.load()
    await this.#loadLogs()
    await this.#held.load()
    await this.#parts.control.start()
  }

  /** Adds the logs that this process does not know yet. Returns their names. */
  async #loadLogs(): Promise<string[]> {
    const sql = `SELECT name, ordinal, ${PG_END} FROM frontier WHERE ordinal > $1 ORDER BY ordinal`
    const known = Math.max(1, ...[...this.#logs.values()].map(log => log.ordinal))
    const rows = await this.#parts.sessions.read(connection => connection.query(sql, [known], 'frontiers'))
    const names: string[] = []
    for (const [nameColumn, ordinalColumn, ...end] of rows) {
      const name = pgText(nameColumn)
      const ordinal = pgInt(ordinalColumn)
      const documents = new PgDocuments(this.#parts, ordinal)
      const log = new PgLog(this.#parts, { name, ordinal, documents, end: readPgEnd(end) })
      await log.load()
      this.#logs.set(name, log)
      names.push(name)
    }
    return names
  }

  /** Learns what other processes wrote before this call, and tells the listeners. */
  #look(): Promise<void> {
    this.#nextLook ??= this.#feedMutex.run(() => {
      this.#nextLook = undefined
      return this.#lookOnce()
    })
    return this.#nextLook
  }

  async #lookOnce(): Promise<void> {
    const { version, rows } = await this.#summary()
    this.#lookedAt = performance.now()
    const isKnown = rows.every(([name]) => this.#logs.has(pgText(name)))
    const added = isKnown ? [] : await this.#loadLogs()
    const changes: ForeignChange[] = added.map(frontier => ({ kind: 'frontier', frontier }))
    for (let isAll = version === this.#records.version; !isAll; ) {
      const news = await this.#records.news()
      isAll = news.isAll
      if (news.keys.length > 0) changes.push({ kind: 'records', keys: news.keys })
    }
    for (const log of this.#changedLogs(rows)) changes.push(...(await log.catchUp()))
    if (changes.some(({ kind }) => kind === 'held')) await this.#held.load()
    for (const change of changes) for (const listener of this.#listeners) listener(change)
  }

  /** Reads the newest version of the records, and where each log ends, in one query. */
  async #summary(): Promise<{ version: number; rows: PgRow[] }> {
    const sql = `SELECT name, nodes, text_changes, held_changes, coalesce((SELECT max(version) FROM record), 0)
      FROM (SELECT 1) AS one LEFT JOIN frontier ON true`
    const rows = await this.#parts.sessions.read(connection => connection.query(sql, [], 'summary'))
    return { version: pgInt(rows[0]?.[4]), rows: rows.filter(([name]) => name !== null) }
  }

  /** Returns the logs whose row differs from what is known here. */
  #changedLogs(rows: readonly PgRow[]): PgLog[] {
    return rows.flatMap(([name, nodes, texts, held]) => {
      const log = this.#logs.get(pgText(name))
      if (log === undefined) return []
      const { end } = log
      const isSame = end.nodes === pgInt(nodes) && end.textChanges === pgInt(texts) && end.heldChanges === pgInt(held)
      return isSame ? [] : [log]
    })
  }

  #log(name: string): PgLog {
    const log = this.#logs.get(name)
    if (log === undefined) throw unknownFrontier(name)
    return log
  }
}

/**
 * Returns whether the server acknowledges a commit only when a second machine has it.
 * @throws ReplicaError ERR_STORE_ASYNC if it does not and that was not accepted
 */
export async function waitsForStandby(connection: PgConnection, allowAsync: boolean): Promise<boolean> {
  const sql = "SELECT current_setting('synchronous_standby_names'), current_setting('fsync')"
  const [row] = await connection.query(sql)
  const isSafe = pgText(row?.[0]).trim() !== '' && pgText(row?.[1]) === 'on'
  if (isSafe || allowAsync) return isSafe
  const message = 'the server does not wait for a second machine: synchronous_standby_names is empty, or fsync is off'
  throw new ReplicaError('ERR_STORE_ASYNC', message, { facts: { hint: 'to accept that: --allow-async' } })
}
