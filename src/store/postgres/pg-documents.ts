// Blocks of documents in a PostgreSQL store. Spec: protocol/store.md, T51.

import { type Digest, digestKey, equals, sha256, toHex } from '../../base/bytes.ts'
import type { DocumentBlock } from '../../node/document-chunks.ts'
import type { DocumentStore, Fault } from '../store.ts'
import { checkBlocks, corruptionError } from '../validate.ts'
import type { PgParts } from './pg-records.ts'
import { byteArray, pgBytes, pgInt } from './pg-values.ts'

const VERIFY_PAGE = 32

export class PgDocuments implements DocumentStore {
  readonly #parts: PgParts
  readonly #ordinal: number

  constructor(parts: PgParts, ordinal: number) {
    this.#parts = parts
    this.#ordinal = ordinal
  }

  async has(digests: readonly Digest[]): Promise<boolean[]> {
    return (await this.sizes(digests)).map(size => size !== undefined)
  }

  async sizes(digests: readonly Digest[]): Promise<(number | undefined)[]> {
    this.#parts.mutex.assertOpen()
    if (digests.length === 0) return []
    const sql = 'SELECT digest, length(bytes) FROM document WHERE ordinal = $1 AND digest = ANY($2)'
    const values = [this.#ordinal, byteArray(digests)]
    const rows = await this.#parts.sessions.read(connection => connection.query(sql, values, 'document_sizes'))
    const sizes = new Map(rows.map(([digest, size]) => [digestKey(pgBytes(digest)), pgInt(size)]))
    return digests.map(digest => sizes.get(digestKey(digest)))
  }

  async get(digest: Digest): Promise<Uint8Array | undefined> {
    this.#parts.mutex.assertOpen()
    const sql = 'SELECT bytes FROM document WHERE ordinal = $1 AND digest = $2'
    const [row] = await this.#parts.sessions.read(c => c.query(sql, [this.#ordinal, digest], 'document'))
    if (row === undefined) return undefined
    if (!equals(sha256(pgBytes(row[0])), digest)) throw corruptionError(`the block ${toHex(digest)} is damaged`)
    return pgBytes(row[0])
  }

  async put(blocks: readonly DocumentBlock[]): Promise<void> {
    checkBlocks(blocks)
    await this.#parts.mutex.run(async () => {
      const arrays = [byteArray(blocks.map(({ digest }) => digest)), byteArray(blocks.map(({ bytes }) => bytes))]
      const sql = 'INSERT INTO document SELECT $1, * FROM unnest($2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING'
      await this.#parts.sessions.write(connection => connection.query(sql, [this.#ordinal, ...arrays], 'put_documents'))
    })
  }

  /** Hashes every block. */
  async *verify(frontier: string): AsyncIterable<Fault> {
    let after: Uint8Array = new Uint8Array()
    const sql = 'SELECT digest, bytes FROM document WHERE ordinal = $1 AND digest > $2 ORDER BY digest LIMIT $3'
    for (;;) {
      const values = [this.#ordinal, after, VERIFY_PAGE]
      const rows = await this.#parts.sessions.read(connection => connection.query(sql, values))
      for (const [digest, bytes] of rows) {
        if (equals(sha256(pgBytes(bytes)), pgBytes(digest))) continue
        yield { kind: 'document', frontier, digest: pgBytes(digest), reason: 'a block of a document is damaged' }
      }
      const last = rows.at(-1)
      if (last === undefined) return
      after = pgBytes(last[0])
    }
  }
}
