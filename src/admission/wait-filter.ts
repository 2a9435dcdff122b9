// Which digests held nodes may be waiting for: one bit for each value of a digest's first 20 bits. A clear bit says
// "none for certain" without asking the disk for every node committed; a set bit says "ask". 128 KiB, made when needed.

import type { Digest } from '../base/bytes.ts'

const BITS = 20

export class WaitFilter {
  #bits: Uint8Array | undefined

  add(digest: Digest): void {
    this.#bits ??= new Uint8Array(1 << (BITS - 3))
    const at = bitOf(digest)
    this.#bits[at >>> 3] = this.#bits[at >>> 3]! | (1 << (at & 7))
  }

  mightContain(digest: Digest): boolean {
    if (this.#bits === undefined) return false
    const at = bitOf(digest)
    return (this.#bits[at >>> 3]! & (1 << (at & 7))) !== 0
  }

  clear(): void {
    this.#bits = undefined
  }
}

function bitOf(digest: Digest): number {
  return ((digest[0]! << 12) | (digest[1]! << 4) | (digest[2]! >>> 4)) >>> 0
}
