// Synchronous events with one listener list.

/**
 * Calls every subscribed listener, in the order of subscription. A listener that throws ends the
 * call of `emit`: the listeners after it are not called.
 *
 * @example
 * const changes = new Emitter<number>()
 * const unsubscribe = changes.on(seq => console.log(seq))
 * changes.emit(1)
 * unsubscribe()
 */
export class Emitter<T = void> {
  readonly #listeners = new Set<(value: T) => void>()

  /** A listener that subscribes twice is called twice. @returns a function that unsubscribes */
  on(listener: (value: T) => void): () => void {
    const own = (value: T): void => listener(value)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** @throws what a listener throws */
  emit(value: T): void {
    for (const listener of this.#listeners) listener(value)
  }
}
