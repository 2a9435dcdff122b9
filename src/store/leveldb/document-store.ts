// Documents of the LevelDB engine, in a database of their own: they are large, few and read
// individually, which would slow down the long runs of reads in log/. A block and its size are
// written together, in a synced batch.
// Spec: protocol/store.md, T24.

import { type Digest, DigestMap, equals, sha256, toHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { Mutex } from '../../base/mutex.ts'
import type { DocumentBlock } from '../../node/document-chunks.ts'
import type { DocumentStore, Fault } from '../store.ts'
import { checkBlocks, corruptionError } from '../validate.ts'
import type { CommitWriter } from './commit-writer.ts'
import { Batch, type Database } from './database.ts'
import { blockKey, blockRange, decodeSize, digestOf, encodeSize, sizeKey, sizeRange } from './keys.ts'

const VERIFY_BATCH_BYTES = 1024 * 1024

/** The documents of all frontiers of a store. */
export class LevelDbDocuments {
  readonly #database: Database
  readonly #writer: CommitWriter
  readonly #mutex = new Mutex()

  constructor(database: Database, writer: CommitWriter) {
    this.#database = database
    this.#writer = writer
  }

  /** Returns the documents of the frontier with this ordinal. */
  of(ordinal: number): DocumentStore {
    const sizes = (digests: readonly Digest[]) => this.#sizes(ordinal, digests)
    return {
      sizes,
      has: async digests => (await sizes(digests)).map(bytes => bytes !== undefined),
      get: digest => this.#get(ordinal, digest),
      put: blocks => this.#put(ordinal, blocks),
    }
  }

  /**
   * Reads every block of a frontier, compares it with its digest and its size, and yields the
   * faults.
   */
  async *verify(of: { frontier: string; ordinal: number; signal: AbortSignal | undefined }): AsyncIterable<Fault> {
    const { frontier, ordinal, signal } = of
    const fault = (digest: Digest, reason: string): Fault => ({ kind: 'document', frontier, digest, reason })
    let blocks = 0
    for await (const entries of this.#database.entries({ ...blockRange(ordinal), batchBytes: VERIFY_BATCH_BYTES })) {
      if (signal?.aborted)
        throw new ReplicaError('ERR_ABORTED', 'the check of the store was aborted', { cause: signal.reason })
      const sizes = await this.#database.getMany(entries.map(([key]) => sizeKey(ordinal, digestOf(key))))
      for (const [at, [key, bytes]] of entries.entries()) {
        const digest = digestOf(key)
        const stored = sizes[at]
        const size = stored === undefined ? undefined : decodeSize(sizeKey(ordinal, digest), stored)
        blocks += 1
        if (!equals(sha256(bytes), digest)) yield fault(digest, 'the block of a document is damaged')
        else if (size !== bytes.length) yield fault(digest, 'the size of the block is missing or damaged')
      }
    }
    let sizes = 0
    for await (const entries of this.#database.entries({ ...sizeRange(ordinal), keysOnly: true })) {
      sizes += entries.length
    }
    if (sizes === blocks) return
    yield { kind: 'document', frontier, reason: `there are ${blocks} blocks of documents, but ${sizes} sizes` }
  }

  /** Waits for running writes, then rejects further calls. */
  async close(): Promise<void> {
    await this.#mutex.close()
  }

  async #sizes(ordinal: number, digests: readonly Digest[]): Promise<(number | undefined)[]> {
    this.#mutex.assertOpen()
    const keys = digests.map(digest => sizeKey(ordinal, digest))
    const values = keys.length === 0 ? [] : await this.#database.getMany(keys)
    return values.map((value, at) => {
      if (value === undefined) return undefined
      const bytes = decodeSize(keys[at]!, value)
      if (bytes === undefined) throw damaged(digests[at]!)
      return bytes
    })
  }

  async #get(ordinal: number, digest: Digest): Promise<Uint8Array | undefined> {
    this.#mutex.assertOpen()
    const bytes = await this.#database.get(blockKey(ordinal, digest))
    if (bytes === undefined) {
      // A size without a block is damage.
      if ((await this.#sizes(ordinal, [digest]))[0] !== undefined) throw damaged(digest)
      return undefined
    }
    if (!equals(sha256(bytes), digest)) throw damaged(digest)
    return bytes
  }

  async #put(ordinal: number, blocks: readonly DocumentBlock[]): Promise<void> {
    await this.#mutex.run(async () => {
      this.#writer.assertWritable()
      checkBlocks(blocks)
      const unique = new DigestMap<DocumentBlock>()
      for (const block of blocks) unique.set(block.digest, block)
      const candidates = [...unique.values()]
      const stored = await this.#sizes(
        ordinal,
        candidates.map(({ digest }) => digest),
      )
      const batch = new Batch()
      for (const [at, { digest, bytes }] of candidates.entries()) {
        if (stored[at] !== undefined) continue
        const key = sizeKey(ordinal, digest)
        batch.put(blockKey(ordinal, digest), bytes)
        batch.put(key, encodeSize(key, bytes.length))
      }
      if (batch.bytes > 0) await this.#writer.write(this.#database, batch, { sync: true })
    })
  }
}

function damaged(digest: Digest): ReplicaError {
  return corruptionError(`block ${toHex(digest)} of a document is damaged`, { digest: toHex(digest) })
}
