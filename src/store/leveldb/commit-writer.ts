// The two databases of a LevelDB store, log/ and index/, and the one way to append to them: a commit is one synced atomic
// batch in log/; then what follows from it goes to index/, unsynced, and is made again at the next open if it is lost
// (protocol/store.md T15, T16). The first write that fails ends all writing through this handle: LevelDB would
// acknowledge later writes and lose them.

import { type Digest, sha256 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { Mutex } from '../../base/mutex.ts'
import { Batch, type Database } from './database.ts'
import { COMMIT, encodeCommit, encodeTail, indexKey, lastMark, type Mark, streamKey, type Tail } from './keys.ts'

/** One stream as it is now: everything up to `tail` is durable and indexed. */
export class Stream {
  readonly ordinal: number
  readonly name: string
  tail: Tail
  /** Commits of this run that may still lie in a write-ahead log, oldest first, with the bytes written until then. */
  readonly marks: (Mark & { logBytes: number; indexBytes: number })[] = []

  constructor(ordinal: number, name: string, tail: Tail) {
    this.ordinal = ordinal
    this.name = name
    this.tail = tail
  }
}

/** What a commit says about itself and leaves behind. */
export interface Change {
  readonly count: number
  readonly rows: Digest
  readonly changes: Digest | undefined
  readonly events: number
  readonly heads: Tail['heads']
  readonly log: Batch
  readonly index: Batch
}

/** Commits this close together share a mark, in bytes of the log. */
const markBytes = 256 * 1024

export class CommitWriter {
  readonly log: Database
  readonly index: Database
  readonly serial = new Mutex()
  #refusal: ReplicaError | undefined
  #logBytes = 0
  #indexBytes = 0
  #batchBytesMax = 0

  constructor(log: Database, index: Database) {
    this.log = log
    this.index = index
  }

  /** From now on writing is refused with this; reading goes on. */
  refuseWrites(reason: ReplicaError): void {
    this.#refusal ??= reason
  }

  get writable(): boolean {
    return this.#refusal === undefined
  }

  assertWritable(): void {
    if (this.#refusal === undefined) return
    const { code, message, facts } = this.#refusal
    throw new ReplicaError(code, message, { cause: this.#refusal, facts })
  }

  /** Writes to a database of the store; the first failure is the last write. @throws ReplicaError ERR_STORE_IO */
  async write(database: Database, batch: Batch, options: { sync: boolean }): Promise<void> {
    this.assertWritable()
    try {
      await database.write(batch, options)
    } catch (error) {
      const message = 'a write to the store failed; nothing more is written until it is opened again'
      this.refuseWrites(new ReplicaError('ERR_STORE_IO', message, { cause: error }))
      throw new ReplicaError('ERR_STORE_IO', message, { cause: error })
    }
  }

  /** Makes a commit durable and indexed. Runs inside of `serial`. */
  async append(stream: Stream, change: Change): Promise<void> {
    const { tail } = stream
    const { count, rows, changes, events, heads, log, index } = change
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
    const previous = stream.marks.at(-1)
    if (previous === undefined || this.#logBytes - previous.logBytes >= markBytes) {
      stream.marks.push({ ...lastMark(next)!, logBytes: this.#logBytes, indexBytes: this.#indexBytes })
    }
  }

  /** Moves all that was written into table files and says so in index/, so that the next open has nothing to check. */
  async flush(streams: Iterable<Stream>): Promise<void> {
    if (this.#logBytes + this.#indexBytes === 0) return
    await this.log.flush()
    await this.index.flush()
    const batch = new Batch()
    for (const stream of streams) {
      putTail(batch, stream.ordinal, { ...stream.tail, checkpoint: lastMark(stream.tail) })
    }
    await this.write(this.index, batch, { sync: true })
  }

  /**
   * The latest commit that is in table files by now. LevelDB has two memory tables at most: a full one is written to a
   * file while the other fills, and must be there before the next begins. So a commit has left both when twice what one
   * holds, which is its size and the batch that overfilled it, was written after it.
   */
  #checkpoint(stream: Stream): Mark | undefined {
    const logLag = 2 * (this.log.writeBufferBytes + this.#batchBytesMax)
    const indexLag = 2 * (this.index.writeBufferBytes + this.#batchBytesMax)
    let checkpoint = stream.tail.checkpoint
    for (;;) {
      const mark = stream.marks[0]
      if (mark === undefined) return checkpoint
      if (this.#logBytes - mark.logBytes <= logLag || this.#indexBytes - mark.indexBytes <= indexLag) return checkpoint
      checkpoint = { number: mark.number, first: mark.first, link: mark.link }
      stream.marks.shift()
    }
  }
}

export function putTail(batch: Batch, ordinal: number, tail: Tail): void {
  const key = indexKey('c', ordinal)
  batch.put(key, encodeTail(key, tail))
}
