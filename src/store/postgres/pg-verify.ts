// Checks a log in a PostgreSQL store completely: the chain of commit records, each row against its
// record and its columns, the heads and the counts. Spec: protocol/store.md, T22 and T57.

import { createHash } from 'node:crypto'
import { type Digest, equals, sha256, toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { decodeCommit, genesisLink } from '../commit-record.ts'
import { decodeRow, type StoredRow, TEXT_CODE } from '../row.ts'
import type { Fault } from '../store.ts'
import type { PgRow } from './pg-driver.ts'
import type { PgLog } from './pg-log.ts'
import type { PgSessions } from './pg-sessions.ts'
import { pgBytes, pgInt } from './pg-values.ts'

const PAGE = 512

export interface PgVerifyOptions {
  /** The id of the store. */
  readonly id: Uint8Array
  readonly onRows: (count: number) => void
  readonly signal: AbortSignal | undefined
}

/** Yields the faults of a log, up to the commit that was the last one at the start. */
export async function* verifyPgLog(sessions: PgSessions, log: PgLog, options: PgVerifyOptions): AsyncIterable<Fault> {
  const check = new LogCheck(sessions, log, options)
  yield* check.run()
}

class LogCheck {
  readonly #sessions: PgSessions
  readonly #log: PgLog
  readonly #options: PgVerifyOptions
  readonly #end: PgLog['end']
  /** Nodes without children among those read so far, and their number. */
  readonly #heads = new Map<number, string>()
  #seq = 0

  constructor(sessions: PgSessions, log: PgLog, options: PgVerifyOptions) {
    this.#sessions = sessions
    this.#log = log
    this.#options = options
    this.#end = log.end
  }

  async *run(): AsyncIterable<Fault> {
    let link: Digest = genesisLink(this.#options.id, this.#log.ordinal, this.#log.name)
    let number = 0
    while (number < this.#end.commits) {
      const rows = await this.#commits(number)
      if (rows.length === 0) break
      for (const [, first, bytes] of rows) {
        const record = decodeCommit(pgBytes(bytes))
        const isNext = record?.number === number && equals(record.previous, link) && pgInt(first) === this.#seq
        if (record === undefined || !isNext) {
          yield this.#fault('commit', `commit ${number} does not follow the one before it`)
          return
        }
        yield* this.#checkRows(record.count, record.rows)
        link = sha256(pgBytes(bytes))
        number += 1
      }
    }
    if (number < this.#end.commits || this.#seq !== this.#end.nodes || !equals(link, this.#end.link)) {
      yield this.#fault('commit', `the log ends at node ${this.#seq} and commit ${number}, not as recorded`)
      return
    }
    yield* this.#checkHeads()
  }

  async #commits(from: number): Promise<PgRow[]> {
    const sql = `SELECT number, first, record FROM commit_record
      WHERE ordinal = $1 AND number >= $2 AND number < $3 ORDER BY number LIMIT $4`
    const values = [this.#log.ordinal, from, this.#end.commits, PAGE]
    return this.#sessions.read(connection => connection.query(sql, values, 'verify_commits'))
  }

  async *#checkRows(count: number, expected: Digest): AsyncIterable<Fault> {
    const hash = createHash('sha256')
    for (let left = count; left > 0; ) {
      const { signal } = this.#options
      if (signal?.aborted)
        throw new ReplicaError('ERR_ABORTED', 'the check of the store was aborted', { cause: signal.reason })
      const size = Math.min(left, PAGE)
      const sql = `SELECT seq, body, digest, label, event, height, state FROM node
        WHERE ordinal = $1 AND seq >= $2 AND seq < $3 ORDER BY seq`
      const values = [this.#log.ordinal, this.#seq, this.#seq + size]
      const rows = await this.#sessions.read(connection => connection.query(sql, values, 'verify_rows'))
      const bySeq = new Map(rows.map(row => [pgInt(row[0]), row]))
      for (let i = 0; i < size; i++) {
        const seq = this.#seq + i
        const row = this.#decode(seq, bySeq.get(seq))
        if ('reason' in row) yield row
        else {
          hash.update(row.head)
          this.#heads.set(seq, toHex(row.digest))
          for (const parent of row.parents) this.#heads.delete(parent)
        }
      }
      this.#seq += size
      left -= size
      this.#options.onRows(size)
    }
    if (!equals(hash.digest(), expected)) {
      yield this.#fault('commit', `the rows before node ${this.#seq} are not those of their commit`)
    }
  }

  #decode(seq: number, row: PgRow | undefined): StoredRow | Fault {
    try {
      const stored = decodeRow(this.#log.name, seq, row === undefined ? undefined : pgBytes(row[1]))
      const [, , digest, label, event, height, state] = row!
      const isSame =
        equals(pgBytes(digest), stored.digest) &&
        equals(pgBytes(label), stored.label) &&
        equals(pgBytes(event), stored.event)
      if (isSame && pgInt(height) === stored.height && pgInt(state) === TEXT_CODE[stored.text]) return stored
      return { ...this.#fault('index', `the columns of node ${seq} differ from its row`), seq }
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
      return { ...this.#fault('node', error.message), seq }
    }
  }

  async *#checkHeads(): AsyncIterable<Fault> {
    // One snapshot of the server: a commit may end at any moment.
    const sql = `SELECT f.commits, h.seq, h.digest FROM frontier f LEFT JOIN head h ON h.ordinal = f.ordinal
      WHERE f.ordinal = $1`
    const rows = await this.#sessions.read(connection => connection.query(sql, [this.#log.ordinal]))
    if (pgInt(rows[0]?.[0]) !== this.#end.commits) return // the next check compares them
    const heads = rows.filter(([, seq]) => seq !== null)
    const stored = new Map(heads.map(([, seq, digest]) => [pgInt(seq), toHex(pgBytes(digest))]))
    const isSame = stored.size === this.#heads.size && [...stored].every(([seq, hex]) => this.#heads.get(seq) === hex)
    if (!isSame) yield this.#fault('heads', 'the heads are not the nodes without children')
  }

  #fault(kind: Fault['kind'], reason: string): Fault {
    return { kind, frontier: this.#log.name, reason }
  }
}
