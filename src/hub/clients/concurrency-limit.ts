// Caps concurrent requests in total and per client address. It serves HTTP responses, event streams
// and publications.
// Spec: protocol/http.md, H6, H14 and H17.

/**
 * Counts slots that are in use. It has no queue: a request without a slot is refused.
 *
 * @example
 * const limit = new ConcurrencyLimit({ max: 64, perAddressMax: 16 })
 * const release = limit.acquire(address)
 * if (release === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'too many requests')
 */
export class ConcurrencyLimit {
  readonly #max: number
  readonly #perAddressMax: number
  readonly #perAddress = new Map<string, number>()
  #inUse = 0

  constructor(options: { max: number; perAddressMax: number }) {
    this.#max = options.max
    this.#perAddressMax = options.perAddressMax
  }

  /** Slots in use. */
  get inUse(): number {
    return this.#inUse
  }

  /** Returns an idempotent function that releases the slot; undefined when no slot is free. */
  acquire(address: string): (() => void) | undefined {
    const ofAddress = this.#perAddress.get(address) ?? 0
    if (this.#inUse >= this.#max || ofAddress >= this.#perAddressMax) return undefined
    this.#inUse += 1
    this.#perAddress.set(address, ofAddress + 1)
    let released = false
    return () => {
      if (released) return
      released = true
      this.#inUse -= 1
      const others = this.#perAddress.get(address)! - 1
      if (others === 0) this.#perAddress.delete(address)
      else this.#perAddress.set(address, others)
    }
  }
}
