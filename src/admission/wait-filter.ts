// Bloom filter with one hash over the digests that held nodes wait for.
// It has one bit for each value of the first 20 bits of a digest. A clear bit means that no node
// waits, so a commit needs no disk lookup; a set bit means "look up". 128 KiB, allocated on first
// use.

import type { Digest } from '../base/bytes.ts'

const BITS = 20

/** Set of awaited digests with false positives and without false negatives. */
export class WaitFilter {
  #bits: Uint8Array | undefined

  /** Adds a digest. */
  add(digest: Digest): void {
    this.#bits ??= new Uint8Array(1 << (BITS - 3))
    const at = bitOf(digest)
    this.#bits[at >>> 3] = this.#bits[at >>> 3]! | (1 << (at & 7))
  }

  /** Adds every digest: another process holds nodes that this one has not seen. */
  fill(): void {
    this.#bits = new Uint8Array(1 << (BITS - 3)).fill(0xff)
  }

  /** Returns false if no held node waits for the digest. */
  mightContain(digest: Digest): boolean {
    if (this.#bits === undefined) return false
    const at = bitOf(digest)
    return (this.#bits[at >>> 3]! & (1 << (at & 7))) !== 0
  }

  /** Removes all digests. */
  clear(): void {
    this.#bits = undefined
  }
}

function bitOf(digest: Digest): number {
  return ((digest[0]! << 12) | (digest[1]! << 4) | (digest[2]! >>> 4)) >>> 0
}
