// The records of a PostgreSQL store: sealed values under their UTF-8 keys, each with the version of
// its last change. A deleted record stays as a key without a value, so that other processes learn
// of it. Spec: protocol/store.md, T51 and T55.

import type { Mutex } from '../../base/mutex.ts'
import { seal, unseal } from '../checksum.ts'
import type { Fault, RecordChange, Records } from '../store.ts'
import { checkChanges, checkKey, corruptionError, textBytes } from '../validate.ts'
import type { PgControl } from './pg-control.ts'
import type { PgValue } from './pg-driver.ts'
import type { PgSessions } from './pg-sessions.ts'
import { byteArray, pgBytes, pgInt } from './pg-values.ts'

const PAGE = 1000

/** Parts of a PostgreSQL store that its pieces share. */
export interface PgParts {
  readonly sessions: PgSessions
  readonly control: PgControl
  /** Serializes writes; closed with the store. */
  readonly mutex: Mutex
  /** 16 random bytes: which process wrote a record. */
  readonly writer: Buffer
}

export class PgRecords implements Records {
  readonly #parts: PgParts
  #version = 0

  constructor(parts: PgParts) {
    this.#parts = parts
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#parts.mutex.assertOpen()
    const name = checkKey(key)
    const sql = 'SELECT value FROM record WHERE key = $1 AND value IS NOT NULL'
    const [row] = await this.#parts.sessions.read(connection => connection.query(sql, [name], 'record'))
    return row === undefined ? undefined : unsealed(name, pgBytes(row[0]))
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    checkChanges(changes)
    await this.#parts.mutex.run(() => writeRecords(this.#parts, changes))
  }

  async list(
    prefix: string,
    options: { after?: string; limit: number },
  ): Promise<{ key: string; value: Uint8Array }[]> {
    this.#parts.mutex.assertOpen()
    const from = textBytes(prefix)
    const after = options.after === undefined ? undefined : textBytes(options.after)
    const sql = `SELECT key, value FROM record
      WHERE value IS NOT NULL AND key >= $1 AND substr(key, 1, length($1)) = $1 AND ($2::bytea IS NULL OR key > $2)
        AND key <= $3 ORDER BY key LIMIT $4`
    // No key is longer than a prefix followed by 512 bytes of 0xff.
    const last = Buffer.concat([from, Buffer.alloc(512, 0xff)])
    const values = [from, after ?? null, last, Math.max(0, options.limit)]
    const rows = await this.#parts.sessions.read(connection => connection.query(sql, values, 'records'))
    return rows.map(([key, value]) => ({
      key: pgBytes(key).toString('utf8'),
      value: unsealed(pgBytes(key), pgBytes(value)),
    }))
  }

  /** Takes the present version as known. */
  async load(): Promise<void> {
    const rows = await this.#parts.sessions.read(connection =>
      connection.query('SELECT coalesce(max(version), 0)::bigint FROM record'),
    )
    this.#version = pgInt(rows[0]?.[0])
  }

  /** Version of the last change that is known here. */
  get version(): number {
    return this.#version
  }

  /** Returns the keys that other processes changed since the last call, at most `PAGE`. */
  async news(): Promise<{ keys: string[]; isAll: boolean }> {
    const sql = 'SELECT key, version, writer FROM record WHERE version > $1 ORDER BY version LIMIT $2'
    const rows = await this.#parts.sessions.read(connection =>
      connection.query(sql, [this.#version, PAGE], 'record_news'),
    )
    const last = rows.at(-1)
    if (last !== undefined) this.#version = Math.max(this.#version, pgInt(last[1]))
    const foreign = rows.filter(([, , writer]) => !this.#parts.writer.equals(pgBytes(writer)))
    return { keys: foreign.map(([key]) => pgBytes(key).toString('utf8')), isAll: rows.length < PAGE }
  }

  async *verify(): AsyncIterable<Fault> {
    let after = Buffer.alloc(0)
    const sql = 'SELECT key, value FROM record WHERE value IS NOT NULL AND key > $1 ORDER BY key LIMIT 100'
    for (;;) {
      const from = after
      const rows = await this.#parts.sessions.read(connection => connection.query(sql, [from]))
      for (const [key, value] of rows) {
        if (unseal(pgBytes(key), pgBytes(value)) === undefined) {
          yield { kind: 'record', reason: `the record ${pgBytes(key).toString('utf8')} is damaged` }
        }
      }
      const last = rows.at(-1)
      if (last === undefined) return
      after = Buffer.from(pgBytes(last[0]))
    }
  }
}

/** Writes changes of records in one transaction. */
export async function writeRecords(parts: PgParts, changes: readonly RecordChange[]): Promise<void> {
  const arrays = [parts.writer, ...recordArrays(changes)]
  const sql = 'SELECT write_records($1, $2, $3, $4, $5)'
  await parts.control.guarded(locks =>
    parts.sessions.write(connection => connection.query(sql, [...locks, ...arrays], 'write_records')),
  )
}

/** Returns keys and sealed values of changes as two arrays of SQL. */
export function recordArrays(changes: readonly RecordChange[]): [keys: PgValue, values: PgValue] {
  const keys = changes.map(({ key }) => textBytes(key))
  const values = changes.map(({ value }, at) => (value === undefined ? undefined : seal(keys[at]!, value)))
  return [byteArray(keys), byteArray(values)]
}

function unsealed(key: Buffer, stored: Buffer): Uint8Array {
  const value = unseal(key, stored)
  if (value === undefined) throw corruptionError(`the record ${key.toString('utf8')} is damaged`)
  return value
}
