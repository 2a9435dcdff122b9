// How much time something costly may take of the whole: a while at once, then one part in so many. What is begun is finished,
// and paid for afterwards. Specification: protocol/http.md, H12.

export class TokenBucket {
  readonly #burstMs: number
  readonly #part: number
  readonly #clock: () => number
  #leftMs: number
  #at: number

  /** `clock` gives milliseconds that never go back; one of `part` milliseconds may be spent. */
  constructor(options: { burstMs: number; part: number; clock: () => number }) {
    this.#burstMs = options.burstMs
    this.#part = options.part
    this.#clock = options.clock
    this.#leftMs = options.burstMs
    this.#at = options.clock()
  }

  /** Whether something may be begun now. */
  get hasTokens(): boolean {
    const now = this.#clock()
    this.#leftMs = Math.min(this.#burstMs, this.#leftMs + (now - this.#at) / this.#part)
    this.#at = now
    return this.#leftMs > 0
  }

  consume(ms: number): void {
    this.#leftMs -= ms
  }
}
