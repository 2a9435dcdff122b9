// Bounds and counts concurrent tasks.

/** Caps how many tasks run at once. Waiters start in the order of their calls. */
export class Semaphore {
  readonly #permits: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  /** @param permits tasks that may run at once, at least 1 */
  constructor(permits: number) {
    this.#permits = permits
  }

  /**
   * Calls `start` once a permit is free, at once where one is. The caller gives the permit back
   * with `release`.
   */
  acquire(start: () => void): void {
    if (this.#taken < this.#permits) {
      this.#taken += 1
      start()
    } else this.#waiting.push(start)
  }

  /**
   * Gives the permit to the oldest waiter, in a new iteration of the event loop, after pending
   * socket events.
   */
  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken -= 1
    else setImmediate(next)
  }
}

/** Counts running tasks and waits for those in the background. */
export class TaskTracker {
  readonly #spawned = new Set<Promise<void>>()
  #count = 0

  /** Tasks that run now. */
  get count(): number {
    return this.#count
  }

  /** Counts a task that the caller awaits. */
  async track<T>(task: () => Promise<T>): Promise<T> {
    this.#count += 1
    try {
      return await task()
    } finally {
      this.#count -= 1
    }
  }

  /**
   * Runs a task that nobody awaits. The task no longer counts when `done` or `failed` is called.
   */
  spawn<T>(task: () => Promise<T>, done: (outcome: T) => void, failed: (error: unknown) => void): void {
    const settled = this.track(task)
      .then(done, failed)
      .then(() => {
        this.#spawned.delete(settled)
      })
    this.#spawned.add(settled)
  }

  /** Waits until all tasks given to `spawn` so far have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#spawned)
  }
}
