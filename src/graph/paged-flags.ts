// One byte of flags for each sequence number, in pages that are made when they are first written: a walk near the end of
// a log of millions costs a few kilobytes, and a parent far below costs one page, not the way down to it.

const PAGE_BITS = 12
const PAGE_SIZE = 1 << PAGE_BITS

export class PagedFlags {
  readonly #pages: (Uint8Array | undefined)[] = []

  get(seq: number): number {
    return this.#pages[seq >>> PAGE_BITS]?.[seq & (PAGE_SIZE - 1)] ?? 0
  }

  set(seq: number, flags: number): void {
    const index = seq >>> PAGE_BITS
    while (this.#pages.length <= index) this.#pages.push(undefined)
    this.#pages[index] ??= new Uint8Array(PAGE_SIZE)
    this.#pages[index][seq & (PAGE_SIZE - 1)] = flags
  }

  /** Sequence numbers that have this flag, ascending. */
  *having(flag: number): Generator<number, void, void> {
    for (const [index, page] of this.#pages.entries()) {
      if (page === undefined) continue
      for (let at = 0; at < PAGE_SIZE; at++) if ((page[at]! & flag) !== 0) yield index * PAGE_SIZE + at
    }
  }
}
