// What held/ must hold, said in two places: in each batch of held/ itself, and behind it, unsynced, in index/. LevelDB drops a damaged batch
// of its write-ahead log and says nothing; then the entries that are there differ from what a later batch says, or, where the last
// one is lost, index/ knows of a later batch than held/ does. Specification: protocol/store.md, T25.

import { equals, sha256 } from '../../base/bytes.ts'
import { xorInto } from '../heads.ts'
import { Batch, type Database } from './database.ts'
import { indexKey, STORE_STREAM, seal, unseal } from './keys.ts'

/** In held/: the key of no node and of no wait. */
const HELD_ANCHOR_KEY = Buffer.from('a')
const INDEX_ANCHOR_KEY = indexKey('a', STORE_STREAM)

interface Anchor {
  /** Of the batch that wrote it: 1, 2, 3 … */
  readonly number: number
  /** How many waits there are after it. */
  readonly count: number
  /** XOR of the SHA-256 of their keys. */
  readonly sum: Uint8Array
}

/** Counts keys of waits as they come and go. */
export class WaitChecksum {
  count: number
  readonly #sum: Uint8Array

  constructor(from: Pick<Anchor, 'count' | 'sum'> = { count: 0, sum: new Uint8Array(32) }) {
    this.count = from.count
    this.#sum = Uint8Array.from(from.sum)
  }

  add(key: Uint8Array): void {
    this.count += 1
    xorInto(this.#sum, sha256(key))
  }

  remove(key: Uint8Array): void {
    this.count -= 1
    xorInto(this.#sum, sha256(key))
  }

  /** As it is now, as the batch of this number says it. */
  anchor(number: number): Anchor {
    return { number, count: this.count, sum: Uint8Array.from(this.#sum) }
  }
}

/** What the batches of one open store say, one after the other. */
export class HeldChecksums {
  #last = new WaitChecksum().anchor(0)
  #loss: string | undefined

  /** What was found to be lost, in words. */
  get loss(): string | undefined {
    return this.#loss
  }

  /** Compares the waits that are there with what was said last. From here on, what is said is what is there. */
  async compare(found: WaitChecksum, { held, index }: { held: Database; index: Database }): Promise<void> {
    const [own, behind] = await Promise.all([held.get(HELD_ANCHOR_KEY), index.get(INDEX_ANCHOR_KEY)])
    const said = laterAnchor(decodeAnchor(HELD_ANCHOR_KEY, own), decodeAnchor(INDEX_ANCHOR_KEY, behind))
    this.#last = found.anchor(said?.number ?? 0)
    if (said === undefined || (said.count === found.count && equals(said.sum, this.#last.sum))) return
    this.#loss = `held/ has lost what was written to it: ${said.count} nodes were held, ${found.count} are there`
  }

  /** To be changed as the next batch changes the waits. */
  waits(): WaitChecksum {
    return new WaitChecksum(this.#last)
  }

  /** Puts into a batch of held/ what it makes of the waits; answers the batch of index/ that is to follow it. */
  move(waits: WaitChecksum, batch: Batch): Batch {
    this.#last = waits.anchor(this.#last.number + 1)
    batch.put(HELD_ANCHOR_KEY, encodeAnchor(HELD_ANCHOR_KEY, this.#last))
    const behind = new Batch()
    behind.put(INDEX_ANCHOR_KEY, encodeAnchor(INDEX_ANCHOR_KEY, this.#last))
    return behind
  }
}

/** The later of two; undefined when there is none. */
function laterAnchor(a: Anchor | undefined, b: Anchor | undefined): Anchor | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return b.number > a.number ? b : a
}

const anchorBytes = 42

function encodeAnchor(key: Uint8Array, { number, count, sum }: Anchor): Buffer {
  const bytes = Buffer.alloc(anchorBytes)
  bytes.writeUIntBE(number, 0, 6)
  bytes.writeUInt32BE(count, 6)
  bytes.set(sum, 10)
  return seal(key, bytes)
}

/** undefined when absent or damaged. */
function decodeAnchor(key: Uint8Array, stored: Uint8Array | undefined): Anchor | undefined {
  const bytes = stored === undefined ? undefined : unseal(key, stored)
  if (bytes?.length !== anchorBytes) return undefined
  return { number: bytes.readUIntBE(0, 6), count: bytes.readUInt32BE(6), sum: bytes.subarray(10) }
}
