// Detects lost batches of held/. Each batch writes a checksum of the waits into held/ and, after
// it, unsynced, into index/. LevelDB silently drops a damaged batch of its write-ahead log. Then
// the existing waits differ from the checksum of a later batch, or, if the last batch is lost,
// index/ has a later checksum than held/.
// Spec: protocol/store.md, T25.

import { equals, sha256 } from '../../base/bytes.ts'
import { seal, unseal } from '../checksum.ts'
import { xorInto } from '../heads.ts'
import { Batch, type Database } from './database.ts'
import { indexKey, STORE_STREAM } from './keys.ts'

const HELD_KEY = Buffer.from('a')
const INDEX_KEY = indexKey('a', STORE_STREAM)

/** The checksum that a batch writes. */
interface ChecksumEntry {
  /** Number of the batch: 1, 2, 3 … */
  readonly number: number
  /** Number of waits after the batch. */
  readonly count: number
  /** XOR of the SHA-256 of the waits' keys. */
  readonly sum: Uint8Array
}

/** Count and checksum of the waits' keys. */
export class WaitChecksum {
  /** Number of waits. */
  count: number
  readonly #sum: Uint8Array

  constructor(from: Pick<ChecksumEntry, 'count' | 'sum'> = { count: 0, sum: new Uint8Array(32) }) {
    this.count = from.count
    this.#sum = Uint8Array.from(from.sum)
  }

  /** Adds a wait by its key. */
  add(key: Uint8Array): void {
    this.count += 1
    xorInto(this.#sum, sha256(key))
  }

  /** Removes a wait by its key. */
  remove(key: Uint8Array): void {
    this.count -= 1
    xorInto(this.#sum, sha256(key))
  }

  /** Returns the current state as the entry of batch `number`. */
  entry(number: number): ChecksumEntry {
    return { number, count: this.count, sum: Uint8Array.from(this.#sum) }
  }
}

/** The checksums of one open store. */
export class HeldChecksums {
  #last = new WaitChecksum().entry(0)
  #loss: string | undefined

  /** A description of the loss that `compare` found; undefined if none. */
  get loss(): string | undefined {
    return this.#loss
  }

  /**
   * Compares the existing waits with the last checksum. Later checksums start from the existing
   * waits.
   */
  async compare(found: WaitChecksum, { held, index }: { held: Database; index: Database }): Promise<void> {
    const [inHeld, inIndex] = await Promise.all([held.get(HELD_KEY), index.get(INDEX_KEY)])
    const last = laterEntry(decodeEntry(HELD_KEY, inHeld), decodeEntry(INDEX_KEY, inIndex))
    this.#last = found.entry(last?.number ?? 0)
    if (last === undefined || (last.count === found.count && equals(last.sum, this.#last.sum))) return
    this.#loss = `held/ has lost data: ${last.count} nodes were held, ${found.count} are present`
  }

  /** Returns the last checksum, for the changes of the next batch. */
  waits(): WaitChecksum {
    return new WaitChecksum(this.#last)
  }

  /** Adds the checksum to a batch of held/. Returns the batch of index/ to write after it. */
  addTo(waits: WaitChecksum, batch: Batch): Batch {
    this.#last = waits.entry(this.#last.number + 1)
    batch.put(HELD_KEY, encodeEntry(HELD_KEY, this.#last))
    const indexBatch = new Batch()
    indexBatch.put(INDEX_KEY, encodeEntry(INDEX_KEY, this.#last))
    return indexBatch
  }
}

/** Returns the later of two entries. */
function laterEntry(a: ChecksumEntry | undefined, b: ChecksumEntry | undefined): ChecksumEntry | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return b.number > a.number ? b : a
}

const entryBytes = 42

function encodeEntry(key: Uint8Array, { number, count, sum }: ChecksumEntry): Buffer {
  const bytes = Buffer.alloc(entryBytes)
  bytes.writeUIntBE(number, 0, 6)
  bytes.writeUInt32BE(count, 6)
  bytes.set(sum, 10)
  return seal(key, bytes)
}

/** Returns undefined if the entry is missing or damaged. */
function decodeEntry(key: Uint8Array, stored: Uint8Array | undefined): ChecksumEntry | undefined {
  const bytes = stored === undefined ? undefined : unseal(key, stored)
  if (bytes?.length !== entryBytes) return undefined
  return { number: bytes.readUIntBE(0, 6), count: bytes.readUInt32BE(6), sum: bytes.subarray(10) }
}
