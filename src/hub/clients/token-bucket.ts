// Token bucket over CPU time: bursts of up to `burstMs`, refilled at 1/`part` of elapsed time. The
// cost is consumed after the work, so the balance may become negative. Spec: protocol/http.md, H12.

/**
 * Limits the share of time that a kind of work may take.
 *
 * @example
 * const bucket = new TokenBucket({ burstMs: 2_000, part: 10, clock: () => performance.now() })
 * if (bucket.hasTokens) bucket.consume(measureMs(work))
 */
export class TokenBucket {
  readonly #burstMs: number
  readonly #part: number
  readonly #clock: () => number
  #tokensMs: number
  #refilledAt: number

  /** `clock` returns monotonic milliseconds; one of `part` of them may be consumed. */
  constructor(options: { burstMs: number; part: number; clock: () => number }) {
    this.#burstMs = options.burstMs
    this.#part = options.part
    this.#clock = options.clock
    this.#tokensMs = options.burstMs
    this.#refilledAt = options.clock()
  }

  /** Whether work may start now. */
  get hasTokens(): boolean {
    const now = this.#clock()
    this.#tokensMs = Math.min(this.#burstMs, this.#tokensMs + (now - this.#refilledAt) / this.#part)
    this.#refilledAt = now
    return this.#tokensMs > 0
  }

  consume(ms: number): void {
    this.#tokensMs -= ms
  }
}
