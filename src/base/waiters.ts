// Promises by name: what the user of a session waits for until an effect, or the session's end, settles it.

interface Waiter {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

export class PendingRequests {
  readonly #waiters = new Map<string, Waiter>()

  get size(): number {
    return this.#waiters.size
  }

  has(name: string): boolean {
    return this.#waiters.has(name)
  }

  /** Nobody waits for the same name twice at once. */
  add<T>(name: string): Promise<T> {
    return new Promise<T>((resolve, reject) => this.#waiters.set(name, { resolve, reject }))
  }

  resolve(name: string, value: unknown): undefined {
    this.#take(name)?.resolve(value as never)
  }

  reject(name: string, error: Error): undefined {
    this.#take(name)?.reject(error)
  }

  rejectAll(error: Error): void {
    for (const name of [...this.#waiters.keys()]) this.reject(name, error)
  }

  #take(name: string): Waiter | undefined {
    const waiter = this.#waiters.get(name)
    this.#waiters.delete(name)
    return waiter
  }
}
