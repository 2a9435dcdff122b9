// Tasks of the store that a session has under way: how many, and their end. What runs beside the session's loop hands its
// outcome over when it counts no more.

export class TaskTracker {
  readonly #beside = new Set<Promise<void>>()
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Counts a task while somebody awaits it. */
  async track<T>(task: () => Promise<T>): Promise<T> {
    this.#count += 1
    try {
      return await task()
    } finally {
      this.#count -= 1
    }
  }

  /** Runs a task that nobody awaits. */
  spawn<T>(task: () => Promise<T>, done: (outcome: T) => void, failed: (error: unknown) => void): void {
    const settled = this.track(task)
      .then(done, failed)
      .then(() => {
        this.#beside.delete(settled)
      })
    this.#beside.add(settled)
  }

  /** All that was started beside is over. */
  async settled(): Promise<void> {
    await Promise.all(this.#beside)
  }
}
