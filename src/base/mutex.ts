// Jobs one after another, in the order in which they came, until closed. A store writes through one of these, so that
// what a commit found out about the log is still so when it is written, and so that close waits for what is running.

import { ReplicaError } from './errors.ts'

export class Mutex {
  #last: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** @throws ReplicaError ERR_STORE_CLOSED */
  assertOpen(): void {
    if (this.#closing !== undefined) throw new ReplicaError('ERR_STORE_CLOSED', 'the store is closed')
  }

  /** Runs `job` when all earlier ones have ended, whether they succeeded or not. @throws ReplicaError ERR_STORE_CLOSED */
  async run<T>(job: () => Promise<T>): Promise<T> {
    this.assertOpen()
    return this.#enqueue(job)
  }

  /** Takes no further job, waits for those that came before, then runs `job`; again at no effect. */
  close(job: () => Promise<void> = async () => {}): Promise<void> {
    this.#closing ??= this.#enqueue(job)
    return this.#closing
  }

  #enqueue<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job)
    this.#last = result.then(nothing, nothing)
    return result
  }
}

function nothing(): void {}
