// Records of the LevelDB engine. They are in log/, before all streams, each sealed. Their number
// and a checksum of all of them are in the same database and change in the same batch, so `verify`
// detects a lost record. A write without nodes is a commit of the store's own stream.
// Spec: protocol/store.md, T9, T11 and T12.

import { asBuffer, concat, type Digest, sha256 } from '../../base/bytes.ts'
import { seal, unseal } from '../checksum.ts'
import { xorInto } from '../heads.ts'
import type { Fault, RecordChange, Records } from '../store.ts'
import { checkChanges, checkKey, corruptionError, textBytes } from '../validate.ts'
import type { CommitWriter, Stream } from './commit-writer.ts'
import { Batch } from './database.ts'
import { number32, readNumber32, tagKey } from './keys.ts'

/** Number of records and their checksum. */
interface Summary {
  readonly count: number
  readonly sum: Uint8Array
}

const summaryKey = tagKey('s', new Uint8Array())
const emptySum = new Uint8Array(32)
const tags = { delete: 0, put: 1, track: 2 }

/** The records of a store. */
export class LevelDbRecords implements Records {
  readonly #writer: CommitWriter
  readonly #stream: Stream
  #summary: Summary = { count: 0, sum: emptySum }

  constructor(writer: CommitWriter, stream: Stream) {
    this.#writer = writer
    this.#stream = stream
  }

  /** Loads number and checksum. @throws ReplicaError ERR_STORE_CORRUPT */
  async load(): Promise<void> {
    const stored = await this.#writer.log.get(summaryKey)
    if (stored === undefined) return
    const bytes = unseal(summaryKey, stored)
    if (bytes?.length !== 36) throw corruptionError('the summary of the records is damaged')
    this.#summary = { count: readNumber32(bytes), sum: bytes.subarray(4) }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#writer.mutex.assertOpen()
    const name = recordKey(checkKey(key))
    const stored = await this.#writer.log.get(name)
    return stored === undefined ? undefined : unsealRecord(name, stored)
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    await this.#writer.mutex.run(() => this.writeWithoutNodes(changes))
  }

  /**
   * Writes changes as a commit of the store's own stream. The caller holds the mutex of the writer.
   */
  async writeWithoutNodes(changes: readonly RecordChange[]): Promise<void> {
    const log = new Batch()
    const planned = await this.plan(changes, log)
    if (planned.digest === undefined) return
    await this.append(planned.digest, log)
    planned.apply()
  }

  /** Appends a commit without nodes. `changes` is the digest of the changes in `log`. */
  async append(changes: Digest, log: Batch): Promise<void> {
    const { events, heads } = this.#stream.tail
    const rows = sha256(new Uint8Array())
    await this.#writer.append(this.#stream, { count: 0, rows, changes, events, heads, log, index: new Batch() })
  }

  /**
   * Adds changes to a batch. Returns their digest, and `apply`, which the caller calls after the
   * batch is written.
   */
  async plan(changes: readonly RecordChange[], log: Batch): Promise<{ digest: Digest | undefined; apply: () => void }> {
    checkChanges(changes)
    if (changes.length === 0) return { digest: undefined, apply: () => {} }
    const keys = changes.map(({ key }) => recordKey(checkKey(key)))
    const stored = await this.#writer.log.getMany(keys)
    const sum = Uint8Array.from(this.#summary.sum)
    let count = this.#summary.count
    const parts: Uint8Array[] = []
    for (const [at, { value }] of changes.entries()) {
      const key = keys[at]!
      const before = stored[at]
      if (before !== undefined) {
        count--
        xorInto(sum, recordHash(key, unsealRecord(key, before)))
      }
      parts.push(changeBytes(value === undefined ? tags.delete : tags.put, key, value ?? new Uint8Array()))
      if (value === undefined) {
        log.delete(key)
        continue
      }
      count++
      xorInto(sum, recordHash(key, value))
      log.put(key, seal(key, value))
    }
    const summary = { count, sum }
    log.put(summaryKey, seal(summaryKey, concat([number32(count), sum])))
    return { digest: sha256(concat(parts)), apply: () => (this.#summary = summary) }
  }

  async list(
    prefix: string,
    options: { after?: string; limit: number },
  ): Promise<{ key: string; value: Uint8Array }[]> {
    this.#writer.mutex.assertOpen()
    const { after, limit } = options
    if (limit <= 0) return []
    const start = recordKey(textBytes(prefix))
    const next = after === undefined ? start : Buffer.concat([recordKey(textBytes(after)), Buffer.alloc(1)])
    const gte = Buffer.compare(start, next) < 0 ? next : start
    const records: { key: string; value: Uint8Array }[] = []
    // UTF-8 does not use the byte 0xff, so prefix ‖ 0xff is greater than every key with the prefix.
    for await (const entries of this.#writer.log.entries({ gte, lt: Buffer.concat([start, ff]), limit })) {
      for (const [key, value] of entries) records.push({ key: keyText(key), value: unsealRecord(key, value) })
    }
    return records
  }

  /**
   * Compares all records with their number and checksum and yields the faults. The call takes a
   * snapshot, so the caller holds the mutex of the writer; the iteration may run without it.
   */
  verify(): AsyncIterable<Fault> {
    const start = recordKey(new Uint8Array())
    return this.#compare(this.#writer.log.entries({ gte: start, lt: Buffer.concat([start, ff]) }), this.#summary)
  }

  async *#compare(all: AsyncIterable<[Uint8Array, Uint8Array][]>, summary: Summary): AsyncIterable<Fault> {
    const sum = Uint8Array.from(summary.sum)
    let count = 0
    let damaged = 0
    for await (const entries of all) {
      for (const [key, stored] of entries) {
        count++
        const value = unseal(key, stored)
        if (value !== undefined) {
          xorInto(sum, recordHash(key, value))
          continue
        }
        damaged++
        yield { kind: 'record', reason: `record ${keyText(key)} is damaged` }
      }
    }
    if (count !== summary.count) {
      yield { kind: 'record', reason: `there are ${count} records, not ${summary.count}` }
    } else if (damaged === 0 && Buffer.compare(sum, emptySum) !== 0) {
      yield { kind: 'record', reason: 'the records do not match their checksum' }
    }
  }
}

const ff = Buffer.of(0xff)

/** Returns the digest of a new frontier's name, for `append`. */
export function trackDigest(key: Uint8Array, name: Uint8Array): Digest {
  return sha256(changeBytes(tags.track, key, name))
}

function changeBytes(tag: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  return concat([Buffer.of(tag), number32(key.length), key, number32(value.length), value])
}

function recordHash(key: Uint8Array, value: Uint8Array): Digest {
  return sha256(concat([number32(key.length), key, value]))
}

function recordKey(name: Uint8Array): Buffer {
  return tagKey('r', name)
}

function keyText(key: Uint8Array): string {
  return asBuffer(key).toString('utf8', 5)
}

function unsealRecord(key: Uint8Array, stored: Uint8Array): Buffer {
  const value = unseal(key, stored)
  if (value === undefined) throw corruptionError(`record ${keyText(key)} is damaged`)
  return value
}
