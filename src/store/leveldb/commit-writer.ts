// Writes commits: one synced, atomic batch in log/, then the derived entries in index/, which are
// not synced and are rebuilt by the next open if they are lost. The first failed write ends all
// writing through this object, because LevelDB would acknowledge later writes and lose them.
// Spec: protocol/store.md, T15 and T16.

import { type Digest, sha256 } from '../../base/bytes.ts'
import { diskError } from '../../base/disk-error.ts'
import { ReplicaError } from '../../base/errors.ts'
import { Mutex } from '../../base/mutex.ts'
import { encodeCommit } from '../commit-record.ts'
import { StoreHealth } from '../store-health.ts'
import { Batch, type Database } from './database.ts'
import type { FolderGuard } from './guard/folder-guard.ts'
import { COMMIT, type CommitRef, encodeTail, indexKey, lastCommit, streamKey, type Tail } from './keys.ts'

/** A stream. Everything up to `tail` is durable and indexed. */
export class Stream {
  readonly ordinal: number
  readonly name: string
  tail: Tail
  /**
   * Commits that may still be in a write-ahead log, oldest first, with the bytes written up to
   * each.
   */
  readonly unflushed: (CommitRef & { logBytes: number; indexBytes: number })[] = []

  constructor(ordinal: number, name: string, tail: Tail) {
    this.ordinal = ordinal
    this.name = name
    this.tail = tail
  }
}

/** A commit to write. */
export interface PreparedCommit {
  /** Number of nodes. */
  readonly count: number
  /** SHA-256 over the heads of the rows, concatenated. */
  readonly rows: Digest
  /** SHA-256 over the record changes; undefined without changes. */
  readonly changes: Digest | undefined
  /** Distinct events of the stream after the commit. */
  readonly events: number
  /** Count and checksum of the heads after the commit. */
  readonly heads: Tail['heads']
  /** Entries for log/: rows and records. */
  readonly log: Batch
  /** Entries for index/. */
  readonly index: Batch
}

/** Commits within this many bytes of log/ share one entry of `Stream.unflushed`. */
const unflushedStepBytes = 256 * 1024

/** Whether the store accepts writes, and the guard of its folder. */
export interface WriteState {
  readonly health: StoreHealth
  /** Undefined for databases without a folder of a store. */
  readonly folder?: FolderGuard
}

/** Writes the two databases log/ and index/. */
export class CommitWriter {
  /** Database log/. */
  readonly log: Database
  /** Database index/. */
  readonly index: Database
  /** Serializes the writes to log/ and index/. */
  readonly mutex = new Mutex()
  readonly #health: StoreHealth
  readonly #folder: FolderGuard | undefined
  #logBytes = 0
  #indexBytes = 0
  #batchBytesMax = 0

  constructor(log: Database, index: Database, state: WriteState = { health: new StoreHealth() }) {
    this.log = log
    this.index = index
    this.#health = state.health
    this.#folder = state.folder
  }

  /** Whether writes are allowed. */
  get writable(): boolean {
    this.#checkFolder()
    return this.#health.refusal === undefined
  }

  /** @throws ReplicaError with the code of the refusal, if writes are refused */
  assertWritable(): void {
    this.#checkFolder()
    this.#health.assertWritable()
  }

  #checkFolder(): void {
    const error = this.#folder?.fault()
    if (error !== undefined) this.#health.refuse({ cause: 'folder', error })
  }

  /**
   * Writes a batch to one of the databases of the store. After a failure, every further write
   * fails.
   * @throws ReplicaError ERR_STORE_IO
   */
  async write(database: Database, batch: Batch, options: { sync: boolean }): Promise<void> {
    this.assertWritable()
    try {
      await database.write(batch, options)
    } catch (error) {
      const failure = writeFailure(error)
      this.#health.refuse({ cause: 'failed', error: failure })
      throw failure
    }
  }

  /**
   * Makes a commit durable and indexed. The caller holds `mutex`.
   * @throws ReplicaError ERR_STORE_IO
   */
  async append(stream: Stream, commit: PreparedCommit): Promise<void> {
    const { tail } = stream
    const { count, rows, changes, events, heads, log, index } = commit
    const record = encodeCommit({ number: tail.commits, previous: tail.link, count, rows, changes })
    log.put(streamKey(stream.ordinal, tail.end, COMMIT), record)
    const link = sha256(record)
    const next: Tail = {
      commits: tail.commits + 1,
      end: tail.end + Math.max(count, 1),
      last: tail.end,
      link,
      events,
      heads,
      checkpoint: this.#checkpoint(stream),
    }
    putTail(index, stream.ordinal, next)
    await this.write(this.log, log, { sync: true })
    await this.write(this.index, index, { sync: false })
    stream.tail = next
    this.#logBytes += log.bytes
    this.#indexBytes += index.bytes
    this.#batchBytesMax = Math.max(this.#batchBytesMax, log.bytes, index.bytes)
    const previous = stream.unflushed.at(-1)
    if (previous === undefined || this.#logBytes - previous.logBytes >= unflushedStepBytes) {
      stream.unflushed.push({ ...lastCommit(next)!, logBytes: this.#logBytes, indexBytes: this.#indexBytes })
    }
  }

  /**
   * Moves all data into table files and records the checkpoints in index/, so that the next open
   * has nothing to check.
   */
  async flush(streams: Iterable<Stream>): Promise<void> {
    if (this.#logBytes + this.#indexBytes === 0) return
    await this.log.flush()
    await this.index.flush()
    const batch = new Batch()
    for (const stream of streams) {
      putTail(batch, stream.ordinal, { ...stream.tail, checkpoint: lastCommit(stream.tail) })
    }
    await this.write(this.index, batch, { sync: true })
  }

  /**
   * Returns the last commit that is in table files of both databases. LevelDB has at most two
   * memory tables: it writes a full one to a file while the other fills, and starts a third only
   * after that. So a commit has left memory when twice the size of a memory table (its limit and
   * one more batch) was written after it.
   */
  #checkpoint(stream: Stream): CommitRef | undefined {
    const logLag = 2 * (this.log.writeBufferBytes + this.#batchBytesMax)
    const indexLag = 2 * (this.index.writeBufferBytes + this.#batchBytesMax)
    let checkpoint = stream.tail.checkpoint
    for (;;) {
      const oldest = stream.unflushed[0]
      if (oldest === undefined) return checkpoint
      if (this.#logBytes - oldest.logBytes <= logLag || this.#indexBytes - oldest.indexBytes <= indexLag)
        return checkpoint
      checkpoint = { number: oldest.number, first: oldest.first, link: oldest.link }
      stream.unflushed.shift()
    }
  }
}

/** Returns the error of a failed write: the cause in words, and what helps. */
function writeFailure(cause: unknown): ReplicaError {
  const found = diskError(cause instanceof Error ? cause.message : '')
  const why = found === undefined ? '' : `: ${found.words}`
  const message = `a write to the store failed${why}; no more writes until the store is opened again`
  const facts = found === undefined ? {} : { errno: found.errno, hint: found.hint }
  return new ReplicaError('ERR_STORE_IO', message, { cause, facts })
}

/** Adds the tail of a stream to a batch of index/. */
export function putTail(batch: Batch, ordinal: number, tail: Tail): void {
  const key = indexKey('c', ordinal)
  batch.put(key, encodeTail(key, tail))
}
