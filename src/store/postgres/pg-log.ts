// The log of one frontier in a PostgreSQL store. Counts and heads are in memory, as of the last
// commit that this process made or learned of. A commit names the place where it expects the log;
// if another process was faster, nothing is written, this log catches up, and the caller decides
// again. Spec: protocol/store.md, T51, T55 and T56.

import { concat, type Digest, DigestMap, equals, sha256, toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { STORE_LIMITS } from '../../base/limits.ts'
import { Mutex } from '../../base/mutex.ts'
import { encodeCommit } from '../commit-record.ts'
import { Heads, headsChange } from '../heads.ts'
import { LogSnapshot } from '../log-snapshot.ts'
import { decodeRow, encodeRow, type StoredRow, TEXT_CODE, withText } from '../row.ts'
import type {
  AbsentState,
  DocumentStore,
  ForeignChange,
  FrontierStore,
  NodeEntry,
  NodeLocation,
  NodeReader,
  NodeRow,
  RecordChange,
  ScanOptions,
  TextChange,
  TextCounts,
} from '../store.ts'
import { checkChanges, checkNodes, checkText, checkTextChanges, corruptionError } from '../validate.ts'
import { type PgConnection, PgConnectionLost, type PgRow, type PgValue, sqlState } from './pg-driver.ts'
import { PG_END, PG_STATES, type PgLogEnd, readPgEnd } from './pg-log-end.ts'
import { PgRecentPlaces } from './pg-recent-places.ts'
import { type PgParts, recordArrays, writeRecords } from './pg-records.ts'
import { LOCK_LOST } from './pg-schema.ts'
import { ioError, withoutWarning } from './pg-sessions.ts'
import { byteArray, intArray, onlyRow, pgArray, pgBytes, pgInt } from './pg-values.ts'

/** Nodes that are read one after another to catch up; beyond that the heads are loaded again. */
const CATCH_UP_NODES_MAX = 4096
/** The part of a row with the numbers of its parents, at most 64. */
const ROW_HEAD_MAX = 83 + 4 * 64
const ATTEMPTS_MAX = 5

/** The log of one frontier. */
export class PgLog implements FrontierStore {
  readonly name: string
  readonly ordinal: number
  readonly documents: DocumentStore
  readonly #parts: PgParts
  readonly #mutex = new Mutex()
  readonly #places = new PgRecentPlaces()
  #end: PgLogEnd
  #heads = new Heads()
  /** Mean size of the rows that were read last. */
  #rowBytes = 1024
  /** Rows that are read before they are asked for. */
  #ahead: { low: number; high: number; textChanges: number; rows: Promise<NodeRow[]> } | undefined

  constructor(
    parts: PgParts,
    log: { readonly name: string; readonly ordinal: number; readonly documents: DocumentStore; readonly end: PgLogEnd },
  ) {
    this.#parts = parts
    this.name = log.name
    this.ordinal = log.ordinal
    this.documents = log.documents
    this.#end = log.end
  }

  get nodes(): number {
    return this.#end.nodes
  }

  get events(): number {
    return this.#end.events
  }

  get headCount(): number {
    return this.#heads.count
  }

  /** The last commit that this process knows to be durable. */
  get end(): PgLogEnd {
    return this.#end
  }

  heads(): Digest[] {
    return this.#heads.sorted()
  }

  headsDigest(): Digest {
    return this.#heads.digest()
  }

  async locate(digests: readonly Digest[]): Promise<(NodeLocation | undefined)[]> {
    this.#parts.mutex.assertOpen()
    const unknown = digests.filter(digest => this.#places.get(digest) === undefined)
    const found = new DigestMap<NodeLocation>()
    if (unknown.length > 0) {
      const sql = 'SELECT digest, seq, height FROM node WHERE ordinal = $1 AND digest = ANY($2)'
      const rows = await this.#read(sql, [this.ordinal, byteArray(unknown)], 'locate')
      for (const [digest, seq, height] of rows) {
        if (pgInt(seq) < this.nodes) found.set(pgBytes(digest), { seq: pgInt(seq), height: pgInt(height) })
      }
    }
    return digests.map(digest => this.#places.get(digest) ?? found.get(digest))
  }

  async read(seqs: readonly number[]): Promise<NodeRow[]> {
    return (await this.#readRows(seqs)).map(publicRow)
  }

  async *scan(options: ScanOptions): AsyncIterable<NodeRow[]> {
    this.#parts.mutex.assertOpen()
    const { from, reverse = false, batchBytes = STORE_LIMITS.scanBatchBytes } = options
    const to = Math.min(options.to ?? this.nodes, this.nodes)
    if (!(from >= 0 && from < to)) return
    let low = from
    let high = to
    while (low < high) {
      // About as many rows as fit into a batch, as the rows before suggest.
      const count = Math.max(1, Math.min(1024, Math.ceil(batchBytes / this.#rowBytes)))
      const range = reverse ? { low: Math.max(low, high - count), high } : { low, high: Math.min(high, low + count) }
      const rows = reverse ? await this.#readRange(range, true) : await this.#take(range)
      const batch = firstBatch(rows, batchBytes)
      this.#rowBytes = Math.max(1, rows.reduce((sum, row) => sum + row.bytes.length, 0) / rows.length)
      if (reverse) high -= batch.length
      else low += batch.length
      if (!reverse && low < high) this.#readAhead({ low, high: Math.min(high, low + count) })
      yield batch
      this.#parts.mutex.assertOpen()
    }
  }

  snapshot(nodes: number): NodeReader {
    return new LogSnapshot(this, nodes)
  }

  texts(): TextCounts {
    const counts = PG_STATES.map((state, at) => [state, this.#end.texts[at] ?? 0])
    return Object.fromEntries(counts) as TextCounts
  }

  async absent(state: AbsentState, options: { after?: number; limit: number }): Promise<number[]> {
    this.#parts.mutex.assertOpen()
    const { after = -1, limit } = options
    const sql = `SELECT seq FROM node
      WHERE ordinal = $1 AND state = $2 AND state <> 15 AND seq > $3 AND seq < $4 ORDER BY seq LIMIT $5`
    const values = [this.ordinal, TEXT_CODE[state], after, this.nodes, Math.max(0, limit)]
    return (await this.#read(sql, values, 'absent')).map(([seq]) => pgInt(seq))
  }

  async setTexts(changes: readonly TextChange[]): Promise<void> {
    checkTextChanges(changes)
    await this.#mutex.run(async () => {
      for (let attempt = 1; ; attempt++) {
        if (await this.#setTexts(changes)) return
        await this.#catchUp()
        if (attempt === ATTEMPTS_MAX) throw behindError(this.name)
      }
    })
  }

  async findByLabel(label: Uint8Array): Promise<number[]> {
    this.#parts.mutex.assertOpen()
    const sql = 'SELECT seq FROM node WHERE ordinal = $1 AND label = $2 AND seq < $3 ORDER BY seq'
    return (await this.#read(sql, [this.ordinal, label, this.nodes], 'label')).map(([seq]) => pgInt(seq))
  }

  async findByEvent(events: readonly { label: Uint8Array; event: Digest }[]): Promise<(number | undefined)[]> {
    this.#parts.mutex.assertOpen()
    if (events.length === 0) return []
    const sql = `SELECT (SELECT min(seq) FROM node
        WHERE ordinal = $1 AND node.label = asked.label AND node.event = asked.event AND seq < $4)
      FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS asked(label, event, place) ORDER BY place`
    const arrays = [byteArray(events.map(({ label }) => label)), byteArray(events.map(({ event }) => event))]
    const rows = await this.#read(sql, [this.ordinal, ...arrays, this.nodes], 'event')
    return rows.map(([seq]) => (seq === null ? undefined : pgInt(seq)))
  }

  async *sharedLabels(): AsyncIterable<Uint8Array> {
    let after: Uint8Array = new Uint8Array()
    const sql = `SELECT label FROM node WHERE ordinal = $1 AND label > $2
      GROUP BY label HAVING count(DISTINCT event) > 1 ORDER BY label LIMIT 256`
    for (;;) {
      this.#parts.mutex.assertOpen()
      const rows = await this.#read(sql, [this.ordinal, after], 'shared_labels')
      yield* rows.map(([label]) => pgBytes(label))
      const last = rows.at(-1)
      if (last === undefined) return
      after = pgBytes(last[0])
    }
  }

  async commit(nodes: readonly NodeEntry[], records: readonly RecordChange[] = []): Promise<number> {
    this.#parts.mutex.assertOpen()
    return this.#mutex.run(async () => {
      checkChanges(records)
      if (nodes.length > 0) return await this.#commit(nodes, records)
      if (records.length > 0) await writeRecords(this.#parts, records)
      return this.nodes
    })
  }

  /** Loads the heads. */
  async load(): Promise<void> {
    await this.#mutex.run(() => this.#reload())
  }

  /** Learns what other processes wrote, and returns it. */
  catchUp(): Promise<ForeignChange[]> {
    return this.#mutex.run(() => this.#catchUp())
  }

  /** Counts a change of held nodes that this process made. */
  noteHeldChange(): void {
    this.#end = { ...this.#end, heldChanges: this.#end.heldChanges + 1 }
  }

  /** Waits for running writes. */
  async close(): Promise<void> {
    await this.#mutex.close()
  }

  /**
   * Checks that a server has everything that is known to be committed.
   * @throws ReplicaError ERR_STORE_FENCED
   */
  async checkServer(connection: PgConnection): Promise<void> {
    const { commits, link } = this.#end
    const sql = `SELECT commits, link, (SELECT record FROM commit_record c WHERE c.ordinal = f.ordinal AND number = $2)
      FROM frontier f WHERE ordinal = $1`
    const [row] = await connection.query(sql, [this.ordinal, commits - 1])
    const found = row === undefined || pgInt(row[0]) < commits ? undefined : row
    const last = commits === 0 ? link : found?.[2] && sha256(pgBytes(found[2]))
    if (found !== undefined && last && equals(last, link)) return
    const facts = { frontier: this.name, commits }
    const message = `the database lacks commits of ${this.name} that were acknowledged: a standby was promoted too early`
    throw new ReplicaError('ERR_STORE_FENCED', message, { facts })
  }

  async #commit(nodes: readonly NodeEntry[], records: readonly RecordChange[]): Promise<number> {
    const end = this.#end
    const first = end.nodes
    const found = checkNodes(nodes, first)
    const outside = await this.#parentSeqs(found.outside)
    const parents = found.parents.map(all => all.map(at => (at < 0 ? outside[-1 - at]! : first + at)))
    const rows = nodes.map((node, at) => encodeRow(node, parents[at]!))
    const record = encodeCommit({
      number: end.commits,
      previous: end.link,
      count: nodes.length,
      rows: sha256(concat(rows.map(({ head }) => head))),
      changes: undefined,
    })
    const link = sha256(record)
    const change = this.#heads.narrow(headsChange(nodes, parents, first))
    const texts = PG_STATES.map((state, at) => end.texts[at]! + nodes.filter(({ text }) => text === state).length)
    const names = concat(nodes.flatMap(({ digest, label, event }) => [digest, label, event]))
    const values = [
      ...[this.ordinal, first, end.link, record, link],
      ...[concat(rows.map(({ row }) => row)), intArray(rows.map(({ row }) => row.length)), names],
      ...[intArray(nodes.map(({ text }) => TEXT_CODE[text])), intArray(nodes.map(({ height }) => height))],
      ...[intArray(change.removed), intArray(change.added.map(({ seq }) => seq)), intArray(texts)],
      ...[...this.#parts.control.locks(), this.#parts.writer, ...recordArrays(records)],
    ]
    const events = await this.#append(values, { number: end.commits, link, nodes })
    this.#end = { ...end, nodes: first + nodes.length, events, commits: end.commits + 1, link, texts }
    this.#heads.apply(change)
    this.#places.add(nodes, first)
    return first
  }

  /**
   * Sends a commit. Returns the number of events after it.
   * @throws ReplicaError ERR_STORE_BEHIND, ERR_STORE_UNKNOWN, ERR_STORE_IO; TypeError for a stored
   *   node
   */
  async #append(
    values: readonly PgValue[],
    commit: { readonly number: number; readonly link: Digest; readonly nodes: readonly NodeEntry[] },
  ): Promise<number> {
    let isSent = false
    const sql = `SELECT append_nodes(${values.map((_, at) => `$${at + 1}`).join(', ')})`
    try {
      const rows = await this.#parts.sessions.once(connection => {
        isSent = true
        return withoutWarning(connection, () => connection.query(sql, values, 'append_nodes'))
      })
      const events = pgInt(onlyRow(rows)[0])
      if (events >= 0) return events
    } catch (error) {
      if (sqlState(error) === '23505') throw await this.#storedError(commit.nodes)
      if (error instanceof PgConnectionLost && isSent) return await this.#settle(commit)
      if (sqlState(error) !== LOCK_LOST) throw ioError(error)
    }
    await this.#catchUp()
    throw behindError(this.name)
  }

  /**
   * Finds out whether a commit whose answer was lost exists, and waits until it is as durable as
   * others. Returns the number of events.
   */
  async #settle({ number, link }: { readonly number: number; readonly link: Digest }): Promise<number> {
    try {
      const sql = 'SELECT record, events FROM settle($1, $2) AS s(record, events)'
      const rows = await this.#parts.sessions.write(connection => connection.query(sql, [this.ordinal, number]))
      const [record, events] = onlyRow(rows)
      if (record && equals(sha256(pgBytes(record)), link)) return pgInt(events)
    } catch (error) {
      throw hasCode(error, 'ERR_STORE_FENCED', 'ERR_STORE_CLOSED', 'ERR_STORE_UNKNOWN')
        ? error
        : this.#parts.sessions.unknown(error)
    }
    await this.#catchUp()
    throw behindError(this.name)
  }

  async #storedError(nodes: readonly NodeEntry[]): Promise<Error> {
    const places = await this.locate(nodes.map(({ digest }) => digest))
    const at = places.findIndex(place => place !== undefined)
    if (at < 0) return behindError(this.name)
    return new TypeError(`node ${toHex(nodes[at]!.digest)} is already stored`)
  }

  async #parentSeqs(parents: readonly Digest[]): Promise<number[]> {
    const places = parents.length === 0 ? [] : await this.locate(parents)
    return places.map((place, at) => {
      if (place === undefined) throw new TypeError(`parent ${toHex(parents[at]!)} is not stored`)
      return place.seq
    })
  }

  /** Returns false if another process changed texts first. */
  async #setTexts(changes: readonly TextChange[]): Promise<boolean> {
    const rows = await this.#readRows(changes.map(({ seq }) => seq))
    for (const [at, change] of changes.entries()) if ('text' in change) checkText(change.text, rows[at]!.event)
    const texts = [...this.#end.texts]
    const written: { seq: number; row: Buffer; code: number }[] = []
    for (const [at, change] of changes.entries()) {
      const row = rows[at]!
      const state = 'text' in change ? 'here' : change.state
      if (row.text === state) continue
      texts[PG_STATES.indexOf(row.text)]! -= 1
      texts[PG_STATES.indexOf(state)]! += 1
      const body = withText(row, state, 'text' in change ? change.text : undefined)
      written.push({ seq: row.seq, row: body, code: TEXT_CODE[state] })
    }
    if (written.length === 0) return true
    const values = [
      ...[this.ordinal, this.#end.textChanges, intArray(written.map(({ seq }) => seq))],
      ...[byteArray(written.map(({ row }) => row)), intArray(written.map(({ code }) => code)), intArray(texts)],
    ]
    const sql = 'SELECT set_texts($1, $2, $3, $4, $5, $6, $7, $8)'
    const { sessions, control } = this.#parts
    const result = await control.guarded(locks =>
      sessions.write(connection => connection.query(sql, [...values, ...locks], 'set_texts')),
    )
    const textChanges = pgInt(onlyRow(result)[0])
    if (textChanges < 0) return false
    this.#end = { ...this.#end, texts, textChanges }
    return true
  }

  async #catchUp(): Promise<ForeignChange[]> {
    const before = this.#end
    const [row] = await this.#read(`SELECT ${PG_END} FROM frontier WHERE ordinal = $1`, [this.ordinal], 'end')
    if (row === undefined) throw corruptionError(`the table has lost the frontier ${this.name}`)
    const end = readPgEnd(row)
    const changes: ForeignChange[] = []
    if (end.nodes > before.nodes) {
      if (end.nodes - before.nodes > CATCH_UP_NODES_MAX) await this.#reload()
      else await this.#follow(end)
      changes.push({ kind: 'log', frontier: this.name })
    }
    if (end.textChanges !== before.textChanges) changes.push({ kind: 'texts', frontier: this.name })
    if (end.heldChanges !== before.heldChanges) changes.push({ kind: 'held', frontier: this.name })
    if (this.#end.nodes === end.nodes) this.#end = end
    return changes
  }

  /** Applies the commits up to `end` to the heads. */
  async #follow(end: PgLogEnd): Promise<void> {
    const sql =
      'SELECT seq, digest, height, substr(body, 1, $4) FROM node WHERE ordinal = $1 AND seq >= $2 AND seq < $3 ORDER BY seq'
    const rows = await this.#read(sql, [this.ordinal, this.nodes, end.nodes, ROW_HEAD_MAX], 'follow')
    if (rows.length !== end.nodes - this.nodes) throw corruptionError(`nodes of ${this.name} are missing`)
    const nodes = rows.map(([, digest, height]) => ({ digest: pgBytes(digest), height: pgInt(height) }))
    const parents = rows.map(([, , , head]) => parentsOf(pgBytes(head)))
    this.#heads.apply(headsChange(nodes, parents, this.nodes))
    this.#places.add(nodes, this.nodes)
    this.#end = end
  }

  /** Reads the end and the heads in one snapshot of the server. */
  async #reload(): Promise<void> {
    const sql = `SELECT ${PG_END}, (SELECT array_agg(int8send(seq) || digest) FROM head h WHERE h.ordinal = f.ordinal)
      FROM frontier f WHERE ordinal = $1`
    const row = onlyRow(await this.#read(sql, [this.ordinal], 'reload'))
    const heads = new Heads()
    const added = row[7] === null ? [] : pgArray(row[7]).map(pgBytes)
    heads.apply({
      removed: [],
      added: added.map(head => ({ seq: Number(head.readBigInt64BE(0)), digest: head.subarray(8) })),
    })
    this.#heads = heads
    this.#end = readPgEnd(row)
  }

  async #readRows(seqs: readonly number[]): Promise<StoredRow[]> {
    this.#parts.mutex.assertOpen()
    for (const seq of seqs) {
      if (!(seq >= 0 && seq < this.nodes))
        throw new ReplicaError('ERR_NOT_FOUND', `${this.name} does not have node ${seq}`)
    }
    if (seqs.length === 0) return []
    const sql = 'SELECT seq, body FROM node WHERE ordinal = $1 AND seq = ANY($2)'
    const rows = await this.#read(sql, [this.ordinal, intArray(seqs)], 'rows')
    const bodies = new Map(rows.map(([seq, body]) => [pgInt(seq), pgBytes(body)]))
    return seqs.map(seq => decodeRow(this.name, seq, bodies.get(seq)))
  }

  /** Returns the rows of a range, from the one that was read ahead if it has them. */
  async #take(range: { low: number; high: number }): Promise<NodeRow[]> {
    const ahead = this.#ahead
    this.#ahead = undefined
    const isFit = ahead?.low === range.low && ahead.high >= range.high && ahead.textChanges === this.#end.textChanges
    if (!isFit) return await this.#readRange(range, false)
    const rows = await ahead.rows.catch(() => undefined)
    return rows?.slice(0, range.high - range.low) ?? (await this.#readRange(range, false))
  }

  /** Begins to read the rows that a reader of a log asks for next. */
  #readAhead(range: { low: number; high: number }): void {
    const rows = this.#readRange(range, false)
    rows.catch(() => {}) // `#take` reads again
    this.#ahead = { ...range, textChanges: this.#end.textChanges, rows }
  }

  async #readRange({ low, high }: { low: number; high: number }, reverse: boolean): Promise<NodeRow[]> {
    const sql = 'SELECT body FROM node WHERE ordinal = $1 AND seq >= $2 AND seq < $3 ORDER BY seq'
    const found = await this.#read(sql, [this.ordinal, low, high], 'range')
    if (found.length !== high - low) {
      throw corruptionError(`nodes of ${this.name} between ${low} and ${high - 1} are missing`, { frontier: this.name })
    }
    const rows = found.map(([body], at) => publicRow(decodeRow(this.name, low + at, pgBytes(body))))
    return reverse ? rows.reverse() : rows
  }

  #read(sql: string, values: readonly PgValue[], name: string): Promise<PgRow[]> {
    return this.#parts.sessions.read(connection => connection.query(sql, values, name))
  }
}

function publicRow({ seq, digest, bytes, headerBytes, text, parents }: StoredRow): NodeRow {
  return { seq, digest, bytes, headerBytes, text, parents }
}

/** Returns the rows up to the one with which they reach `batchBytes`. */
function firstBatch(rows: readonly NodeRow[], batchBytes: number): NodeRow[] {
  let bytes = 0
  const end = rows.findIndex(row => {
    bytes += row.bytes.length
    return bytes >= batchBytes
  })
  return rows.slice(0, end < 0 ? rows.length : end + 1)
}

/** Returns the numbers of the parents from the head of a row (T10). */
function parentsOf(head: Buffer): number[] {
  return Array.from({ length: head[4] ?? 0 }, (_, at) => head.readUInt32BE(83 + 4 * at))
}

function behindError(name: string): ReplicaError {
  return new ReplicaError('ERR_STORE_BEHIND', `another process wrote to ${name} first; decide again`)
}
