// Binary min-heap of unsigned 32-bit numbers in one typed array: 4 bytes per entry, where objects
// take 50.

/** Grows as needed. */
export class Heap {
  #entries: Uint32Array
  #size = 0

  /** @param capacity entries before the first growth */
  constructor(capacity = 64) {
    this.#entries = new Uint32Array(Math.max(capacity, 1))
  }

  get size(): number {
    return this.#size
  }

  /** Adds an entry of 0 to 2^32 − 1. Duplicates stay. */
  push(entry: number): void {
    if (this.#size === this.#entries.length) {
      const larger = new Uint32Array(this.#size * 2)
      larger.set(this.#entries)
      this.#entries = larger
    }
    const entries = this.#entries
    let at = this.#size++
    while (at > 0) {
      const above = (at - 1) >> 1
      if (entries[above]! <= entry) break
      entries[at] = entries[above]!
      at = above
    }
    entries[at] = entry
  }

  /** Removes and returns the least entry; undefined if the heap is empty. */
  pop(): number | undefined {
    if (this.#size === 0) return undefined
    const entries = this.#entries
    const least = entries[0]!
    const last = entries[--this.#size]!
    let at = 0
    for (let below = 1; below < this.#size; below = 2 * at + 1) {
      if (below + 1 < this.#size && entries[below + 1]! < entries[below]!) below++
      if (entries[below]! >= last) break
      entries[at] = entries[below]!
      at = below
    }
    entries[at] = last
    return least
  }
}
