// Token bucket: bursts of up to `burst` tokens, one token refilled per `part` milliseconds. The
// cost is consumed after the work, so the balance may become negative. A token stands for a
// millisecond of work, a node, or a head.
// Spec: protocol/http.md, H12, and protocol/clients.md, Q12 and Q14.

/**
 * Limits how much of a kind of work is done in a time.
 *
 * @example
 * const bucket = new TokenBucket({ burst: 2_000, part: 10, clock: () => performance.now() })
 * if (bucket.hasTokens) bucket.consume(measureMs(work))
 */
export class TokenBucket {
  readonly #burst: number
  readonly #part: number
  readonly #clock: () => number
  #tokens: number
  #refilledAt: number

  /** `clock` returns monotonic milliseconds; each `part` of them refills one token. */
  constructor(options: { burst: number; part: number; clock: () => number }) {
    this.#burst = options.burst
    this.#part = options.part
    this.#clock = options.clock
    this.#tokens = options.burst
    this.#refilledAt = options.clock()
  }

  /** Whether work may start now. */
  get hasTokens(): boolean {
    const now = this.#clock()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#refilledAt) / this.#part)
    this.#refilledAt = now
    return this.#tokens > 0
  }

  /** Takes tokens; a negative number gives them back. */
  consume(tokens: number): void {
    this.#tokens -= tokens
  }
}
