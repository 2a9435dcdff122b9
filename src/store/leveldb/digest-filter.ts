// Bloom filter of the digests in the index of one stream. It exists only for a stream that was
// empty when the store was opened, so it has every digest of the stream. A clone into a new store
// then looks up nothing: a lookup of an absent key reads a block of every level of LevelDB.
// A Bloom filter cannot grow, so a full one is followed by another of eight times the size. Digests
// are SHA-256, so their own bits are the hashes. A peer that grinds digests causes lookups and
// nothing else.

import { type Digest, readUint32 } from '../../base/bytes.ts'

const HASHES = 4
const BITS_PER_DIGEST = 12
/** Powers of two. All layers together have 9.2 MB, enough for 2.8 million nodes. */
const LAYER_BITS: readonly number[] = [1 << 17, 1 << 20, 1 << 23, 1 << 26]

/** Set of digests with false positives and without false negatives. */
export class DigestFilter {
  readonly #layers: Uint32Array[] = []
  /** Digests that the last layer takes before it is full. */
  #room = 0

  /** Adds a digest of 32 bytes. The last layer takes any number, at more false positives. */
  add(digest: Digest): void {
    if (this.#room === 0) this.#addLayer()
    this.#room -= 1
    const layer = this.#layers.at(-1)!
    for (let hash = 0; hash < HASHES; hash++) {
      const bit = bitOf(digest, hash, layer)
      layer[bit >>> 5]! |= 1 << (bit & 31)
    }
  }

  /** Returns false if the digest was not added. */
  mightContain(digest: Digest): boolean {
    return this.#layers.some(layer => {
      for (let hash = 0; hash < HASHES; hash++) {
        const bit = bitOf(digest, hash, layer)
        if ((layer[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
      }
      return true
    })
  }

  #addLayer(): void {
    const bits = LAYER_BITS[this.#layers.length]
    if (bits === undefined) {
      this.#room = Number.POSITIVE_INFINITY
      return
    }
    this.#layers.push(new Uint32Array(bits / 32))
    this.#room = Math.floor(bits / BITS_PER_DIGEST)
  }
}

/** Layers have a power of two of bits. */
function bitOf(digest: Digest, hash: number, layer: Uint32Array): number {
  return readUint32(digest, 4 * hash) & (32 * layer.length - 1)
}
