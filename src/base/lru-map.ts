// A map of bounded size that drops the least recently used entry.

/** `get` and `set` make an entry the most recently used one; `has` does not. */
export class LruMap<K, V> {
  readonly #entriesMax: number
  /** Least recently used first: a Map keeps the order of insertion. */
  readonly #entries = new Map<K, V>()

  /** @param entriesMax at least 1 */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries.size
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  /** Returns undefined for an unknown key. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  /** Drops the least recently used entry when the map is full. `value` is not undefined. */
  set(key: K, value: V & {}): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#entriesMax) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }
}
