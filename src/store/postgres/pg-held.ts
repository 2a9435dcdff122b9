// Held nodes in a PostgreSQL store. The quotas are counted in the database, so that they hold for
// all processes together; the usage in memory is as of the last look.
// Spec: protocol/store.md, T6 and T51.

import * as zlib from 'node:zlib'
import { type Digest, digestKey, equals, sha256 } from '../../base/bytes.ts'
import type { HeldLimits } from '../quota.ts'
import type { Fault, HeldNode, HeldStore, Wait } from '../store.ts'
import { checkHeld, checkWait, compareWaits, corruptionError, WAIT_KINDS } from '../validate.ts'
import type { PgRow, PgValue } from './pg-driver.ts'
import type { PgParts } from './pg-records.ts'
import { byteArray, intArray, onlyRow, pgArray, pgBool, pgBytes, pgInt } from './pg-values.ts'

const COLUMNS = 'digest, bytes, header_bytes, event, key, kind, wait, peer, sum'
const VERIFY_PAGE = 256

interface HeldUsage {
  readonly nodes: number
  readonly bytes: number
}

export class PgHeldStore implements HeldStore {
  readonly #parts: PgParts
  readonly #limits: HeldLimits
  readonly #ordinalOf: (frontier: string) => number
  readonly #onChange: (frontier: string) => void
  #usage = new Map<number, HeldUsage>()

  constructor(
    parts: PgParts,
    options: {
      limits: HeldLimits
      ordinalOf: (frontier: string) => number
      /** Called after this process changed held nodes. */
      onChange: (frontier: string) => void
    },
  ) {
    this.#parts = parts
    this.#limits = options.limits
    this.#ordinalOf = options.ordinalOf
    this.#onChange = options.onChange
  }

  async put(frontier: string, nodes: readonly HeldNode[]): Promise<boolean[]> {
    const ordinal = this.#open(frontier)
    checkHeld(nodes)
    const of = (field: 'digest' | 'bytes' | 'event' | 'key' | 'from') => byteArray(nodes.map(node => node[field]))
    const values = [
      ...[ordinal, of('digest'), of('bytes'), intArray(nodes.map(({ headerBytes }) => headerBytes)), of('event')],
      ...[of('key'), intArray(nodes.map(({ wait }) => WAIT_KINDS.indexOf(wait.kind)))],
      ...[byteArray(nodes.map(({ wait }) => wait.id)), of('from'), byteArray(nodes.map(sumOf))],
      ...[this.#limits.bytesPerPeerMax, this.#limits.bytesMax],
    ]
    const sql = `SELECT put_held(${values.map((_, at) => `$${at + 1}`).join(', ')})`
    const rows = await this.#write(frontier, { sql, values })
    return pgArray(onlyRow(rows)[0]).map(pgBool)
  }

  async get(frontier: string, digests: readonly Digest[]): Promise<(HeldNode | undefined)[]> {
    const ordinal = this.#open(frontier)
    if (digests.length === 0) return []
    const sql = `SELECT ${COLUMNS} FROM held WHERE ordinal = $1 AND digest = ANY($2)`
    const rows = await this.#read(sql, [ordinal, byteArray(digests)], 'get_held')
    const found = new Map(rows.map(row => [digestKey(pgBytes(row[0])), row]))
    return digests.map(digest => {
      const row = found.get(digestKey(digest))
      return row === undefined ? undefined : readHeldRow(row)
    })
  }

  async has(frontier: string, digests: readonly Digest[]): Promise<boolean[]> {
    const ordinal = this.#open(frontier)
    if (digests.length === 0) return []
    const sql = 'SELECT digest FROM held WHERE ordinal = $1 AND digest = ANY($2)'
    const rows = await this.#read(sql, [ordinal, byteArray(digests)], 'has_held')
    const found = new Set(rows.map(([digest]) => digestKey(pgBytes(digest))))
    return digests.map(digest => found.has(digestKey(digest)))
  }

  async findByWait(frontier: string, wait: Wait, limit: number): Promise<Digest[]> {
    const ordinal = this.#open(frontier)
    checkWait(wait)
    const sql = 'SELECT digest FROM held WHERE ordinal = $1 AND kind = $2 AND wait = $3 ORDER BY digest LIMIT $4'
    const values = [ordinal, WAIT_KINDS.indexOf(wait.kind), wait.id, Math.max(0, limit)]
    return (await this.#read(sql, values, 'held_by_wait')).map(([digest]) => pgBytes(digest))
  }

  async delete(frontier: string, digests: readonly Digest[]): Promise<void> {
    const values = [this.#open(frontier), byteArray(digests)]
    await this.#write(frontier, { sql: 'SELECT delete_held($1, $2)', values })
  }

  async purge(frontier: string, digests: readonly Digest[]): Promise<void> {
    const values = [this.#open(frontier), byteArray(digests)]
    await this.#write(frontier, { sql: 'SELECT purge_held($1, $2)', values })
  }

  async listWaits(frontier: string, limit: number): Promise<{ wait: Wait; nodes: number }[]> {
    const ordinal = this.#open(frontier)
    const sql = `SELECT kind, wait, count(*) FROM held WHERE ordinal = $1
      GROUP BY kind, wait ORDER BY count(*) DESC, kind, wait LIMIT $2`
    const rows = await this.#read(sql, [ordinal, Math.max(0, limit)], 'held_waits')
    const waits = rows.map(([kind, id, nodes]) => ({ wait: waitOf(pgInt(kind), pgBytes(id)), nodes: pgInt(nodes) }))
    return waits.sort(compareWaits)
  }

  async list(frontier: string, options: { after?: Digest; limit: number }): Promise<HeldNode[]> {
    const sql = `SELECT ${COLUMNS} FROM held WHERE ordinal = $1 AND digest > $2 ORDER BY digest LIMIT $3`
    const values = [this.#open(frontier), options.after ?? new Uint8Array(), Math.max(0, options.limit)]
    return (await this.#read(sql, values, 'list_held')).map(readHeldRow)
  }

  usage(frontier?: string): HeldUsage {
    if (frontier !== undefined) {
      const ordinal = this.#tryOrdinal(frontier)
      return (ordinal === undefined ? undefined : this.#usage.get(ordinal)) ?? { nodes: 0, bytes: 0 }
    }
    let all: HeldUsage = { nodes: 0, bytes: 0 }
    for (const { nodes, bytes } of this.#usage.values()) all = { nodes: all.nodes + nodes, bytes: all.bytes + bytes }
    return all
  }

  /** Reads the usage of all frontiers. */
  async load(): Promise<void> {
    const sql = 'SELECT ordinal, sum(nodes)::bigint, sum(bytes)::bigint FROM held_usage GROUP BY ordinal'
    const rows = await this.#read(sql, [], 'held_usage')
    this.#usage = new Map(
      rows.map(([ordinal, nodes, bytes]) => [pgInt(ordinal), { nodes: pgInt(nodes), bytes: pgInt(bytes) }]),
    )
  }

  /** Checks every held node, and the counts of the quotas. */
  async *verify(frontier: string): AsyncIterable<Fault> {
    const ordinal = this.#open(frontier)
    let after: Uint8Array = new Uint8Array()
    const sql = `SELECT ${COLUMNS} FROM held WHERE ordinal = $1 AND digest > $2 ORDER BY digest LIMIT $3`
    for (;;) {
      const rows = await this.#read(sql, [ordinal, after, VERIFY_PAGE], 'verify_held')
      for (const row of rows) {
        const reason = damageOf(row)
        if (reason !== undefined) yield { kind: 'held', frontier, digest: pgBytes(row[0]), reason }
      }
      const last = rows.at(-1)
      if (last === undefined) break
      after = pgBytes(last[0])
    }
    const counted = `SELECT 1 FROM (
        SELECT peer, count(*) AS nodes, sum(length(bytes)) AS bytes FROM held WHERE ordinal = $1 GROUP BY peer
      ) AS real FULL JOIN (SELECT * FROM held_usage WHERE ordinal = $1) AS kept USING (peer)
      WHERE real.nodes IS DISTINCT FROM kept.nodes OR real.bytes IS DISTINCT FROM kept.bytes`
    const wrong = await this.#read(counted, [ordinal], 'held_counts')
    if (wrong.length > 0) yield { kind: 'held', frontier, reason: 'the counts of the held nodes are wrong' }
  }

  #open(frontier: string): number {
    this.#parts.mutex.assertOpen()
    return this.#ordinalOf(frontier)
  }

  #tryOrdinal(frontier: string): number | undefined {
    try {
      return this.#ordinalOf(frontier)
    } catch {
      return undefined
    }
  }

  #read(sql: string, values: readonly PgValue[], name: string): Promise<PgRow[]> {
    return this.#parts.sessions.read(connection => connection.query(sql, values, name))
  }

  #write(frontier: string, { sql, values }: { sql: string; values: readonly PgValue[] }): Promise<PgRow[]> {
    return this.#parts.mutex.run(async () => {
      const rows = await this.#parts.sessions.write(connection => connection.query(sql, values))
      this.#onChange(frontier)
      await this.load()
      return rows
    })
  }
}

/** Returns the checksum of the members that a digest does not cover. */
function sumOf({ headerBytes, event, key, from }: Pick<HeldNode, 'headerBytes' | 'event' | 'key' | 'from'>): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(headerBytes)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(zlib.crc32(Buffer.concat([size, event, key, from])))
  return sum
}

function damageOf(row: PgRow): string | undefined {
  const [digest, bytes, headerBytes, event, key, kind, , peer, sum] = row
  const item = pgBytes(bytes)
  const header = pgInt(headerBytes)
  const text = item.subarray(header)
  const members = { headerBytes: header, event: pgBytes(event), key: pgBytes(key), from: pgBytes(peer) }
  if (!equals(sumOf(members), pgBytes(sum))) return 'the members of a held node are damaged'
  if (!equals(sha256(item.subarray(0, header)), pgBytes(digest))) return 'a held node is damaged'
  if (text.length > 0 && !equals(sha256(text), pgBytes(event))) return 'the text of a held node is damaged'
  return WAIT_KINDS[pgInt(kind)] === undefined ? 'the wait of a held node is damaged' : undefined
}

/** @throws ReplicaError ERR_STORE_CORRUPT */
function readHeldRow(row: PgRow): HeldNode {
  const reason = damageOf(row)
  if (reason !== undefined) throw corruptionError(reason)
  const [digest, bytes, headerBytes, event, key, kind, wait, peer] = row
  return {
    digest: pgBytes(digest),
    bytes: pgBytes(bytes),
    headerBytes: pgInt(headerBytes),
    event: pgBytes(event),
    key: pgBytes(key),
    wait: waitOf(pgInt(kind), pgBytes(wait)),
    from: pgBytes(peer),
  }
}

function waitOf(kind: number, id: Uint8Array): Wait {
  const known = WAIT_KINDS[kind]
  if (known === undefined) throw corruptionError('the wait of a held node is damaged')
  return { kind: known, id }
}
