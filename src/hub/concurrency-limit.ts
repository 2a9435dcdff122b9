// So many at once, and so many of one address: of streams, of answers being made or sent, of publications.

export class ConcurrencyLimit {
  readonly #most: number
  readonly #mostOfAddress: number
  readonly #ofAddress = new Map<string, number>()
  #taken = 0

  constructor(options: { most: number; ofAddress: number }) {
    this.#most = options.most
    this.#mostOfAddress = options.ofAddress
  }

  get taken(): number {
    return this.#taken
  }

  /** How to leave the place again, which may be done more than once; undefined when there is none. */
  acquire(address: string): (() => void) | undefined {
    const own = this.#ofAddress.get(address) ?? 0
    if (this.#taken >= this.#most || own >= this.#mostOfAddress) return undefined
    this.#taken += 1
    this.#ofAddress.set(address, own + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      this.#taken -= 1
      const others = this.#ofAddress.get(address)! - 1
      if (others === 0) this.#ofAddress.delete(address)
      else this.#ofAddress.set(address, others)
    }
  }
}
