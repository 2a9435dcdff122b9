// Records of the LevelDB engine. They lie in log/ behind all streams, each under a checksum of its key and value; their
// number and the sum of their hashes lie beside them and change in the same batch, so that verify notices a record that
// is gone. A write of records alone is a commit of the store's own stream (protocol/store.md T9, T12).

import { asBuffer, concat, type Digest, sha256 } from '../../base/bytes.ts'
import { xorInto } from '../heads.ts'
import type { Fault, RecordChange, Records } from '../store.ts'
import { checkChanges, checkKey, corruptionError, textBytes } from '../validate.ts'
import type { CommitWriter, Stream } from './commit-writer.ts'
import { Batch } from './database.ts'
import { number32, readNumber32, seal, tagKey, unseal } from './keys.ts'

interface Summary {
  readonly count: number
  readonly sum: Uint8Array
}

const summaryKey = tagKey('s', new Uint8Array())
const emptySum = new Uint8Array(32)
const tags = { delete: 0, put: 1, track: 2 }

export class LevelDbRecords implements Records {
  readonly #writer: CommitWriter
  readonly #stream: Stream
  #summary: Summary = { count: 0, sum: emptySum }

  constructor(writer: CommitWriter, stream: Stream) {
    this.#writer = writer
    this.#stream = stream
  }

  /** @throws ReplicaError ERR_STORE_CORRUPT */
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
    return stored === undefined ? undefined : open(name, stored)
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    await this.#writer.mutex.run(() => this.writeAlone(changes))
  }

  /** A commit of the store's own stream. Runs inside of the writer's `mutex`. */
  async writeAlone(changes: readonly RecordChange[]): Promise<void> {
    const log = new Batch()
    const planned = await this.plan(changes, log)
    if (planned.digest === undefined) return
    await this.append(planned.digest, log)
    planned.apply()
  }

  /** Appends a commit without nodes that covers `changes`, a digest of what `log` holds. */
  async append(changes: Digest, log: Batch): Promise<void> {
    const { events, heads } = this.#stream.tail
    const rows = sha256(new Uint8Array())
    await this.#writer.append(this.#stream, { count: 0, rows, changes, events, heads, log, index: new Batch() })
  }

  /** Puts changes into a batch. `apply` is to be called when it is written; the digest covers what changed. */
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
        xorInto(sum, recordHash(key, open(key, before)))
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
    const begin = recordKey(textBytes(prefix))
    const behind = after === undefined ? begin : Buffer.concat([recordKey(textBytes(after)), Buffer.alloc(1)])
    const gte = Buffer.compare(begin, behind) < 0 ? behind : begin
    const records: { key: string; value: Uint8Array }[] = []
    // UTF-8 has no byte 0xff, so this is behind every key with the prefix.
    for await (const entries of this.#writer.log.entries({ gte, lt: Buffer.concat([begin, ff]), limit })) {
      for (const [key, value] of entries) records.push({ key: keyText(key), value: open(key, value) })
    }
    return records
  }

  /** Begins to compare all records with their summary; to be called inside of `mutex`, read at leisure. */
  verify(): AsyncIterable<Fault> {
    const begin = recordKey(new Uint8Array())
    return this.#compare(this.#writer.log.entries({ gte: begin, lt: Buffer.concat([begin, ff]) }), this.#summary)
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
      yield { kind: 'record', reason: 'the records are not those that were written' }
    }
  }
}

const ff = Buffer.of(0xff)

/** The digest that a commit has of the name it gives a new stream. */
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

function open(key: Uint8Array, stored: Uint8Array): Buffer {
  const value = unseal(key, stored)
  if (value === undefined) throw corruptionError(`record ${keyText(key)} is damaged`)
  return value
}
