// One byte of flags per sequence number, allocated page by page at the first write. A walk near the
// end of a log of millions takes a few kilobytes, and a distant parent takes one page.

const PAGE_BITS = 12
const PAGE_SIZE = 1 << PAGE_BITS

/** Flags are 0 until they are set. */
export class PagedFlags {
  readonly #pages: (Uint8Array | undefined)[] = []

  /** Returns the flags of a sequence number, 0 to 255. */
  get(seq: number): number {
    return this.#pages[seq >>> PAGE_BITS]?.[seq & (PAGE_SIZE - 1)] ?? 0
  }

  /** Replaces the flags of a sequence number, 0 to 255. */
  set(seq: number, flags: number): void {
    const index = seq >>> PAGE_BITS
    while (this.#pages.length <= index) this.#pages.push(undefined)
    this.#pages[index] ??= new Uint8Array(PAGE_SIZE)
    this.#pages[index][seq & (PAGE_SIZE - 1)] = flags
  }

  /** Yields the sequence numbers that have this flag, ascending. */
  *having(flag: number): Generator<number, void, void> {
    for (const [index, page] of this.#pages.entries()) {
      if (page === undefined) continue
      for (let at = 0; at < PAGE_SIZE; at++) if ((page[at]! & flag) !== 0) yield index * PAGE_SIZE + at
    }
  }
}
