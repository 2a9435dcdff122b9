// Caps concurrent requests in total and per client address. It serves HTTP responses, event streams
// and publications.
// Spec: protocol/http.md, H6, H14 and H17, and protocol/clients.md, Q8.

/** A slot in use. */
interface RequestSlot {
  readonly group: string | undefined
  /** Ends the request; undefined if it is not ended for the sake of another. */
  readonly end: (() => void) | undefined
}

/**
 * Counts slots that are in use. It has no queue: a request without a slot is refused.
 *
 * @example
 * const limit = new ConcurrencyLimit({ max: 64, perAddressMax: 16 })
 * const release = limit.acquire(group)
 * if (release === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'too many requests')
 */
export class ConcurrencyLimit {
  readonly #max: number
  readonly #perAddressMax: number
  /** Oldest first. */
  readonly #slots = new Set<RequestSlot>()
  readonly #perGroup = new Map<string | undefined, number>()

  constructor(options: { max: number; perAddressMax: number }) {
    this.#max = options.max
    this.#perAddressMax = options.perAddressMax
  }

  /** Slots in use. */
  get inUse(): number {
    return this.#slots.size
  }

  /**
   * Returns an idempotent function that releases the slot; undefined when no slot is free.
   * @param group the address under which the client counts; undefined: no limit per address
   * @param end ends the request at once. If all slots are in use, the oldest request of the address
   * with the most of them is ended, unless that is the address of the newcomer.
   */
  acquire(group: string | undefined, end?: () => void): (() => void) | undefined {
    const own = this.#perGroup.get(group) ?? 0
    if (group !== undefined && own >= this.#perAddressMax) return undefined
    if (this.#slots.size >= this.#max && !this.#makeRoom(own)) return undefined
    const slot = { group, end }
    this.#slots.add(slot)
    this.#perGroup.set(group, own + 1)
    return () => this.#release(slot)
  }

  /** Ends a request of an address that has more than `own + 1` slots. Returns false if none has. */
  #makeRoom(own: number): boolean {
    let found: RequestSlot | undefined
    let most = own + 1
    for (const slot of this.#slots) {
      const slots = this.#perGroup.get(slot.group)!
      if (slot.end !== undefined && slots > most) [found, most] = [slot, slots]
    }
    if (found === undefined) return false
    this.#release(found)
    found.end!()
    return true
  }

  #release(slot: RequestSlot): void {
    if (!this.#slots.delete(slot)) return
    const others = this.#perGroup.get(slot.group)! - 1
    if (others === 0) this.#perGroup.delete(slot.group)
    else this.#perGroup.set(slot.group, others)
  }
}
