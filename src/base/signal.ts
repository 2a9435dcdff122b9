// Wake-ups: a signal for loops that wait for news, and an AbortSignal as a promise.

import { ReplicaError } from './errors.ts'
import { Deferred } from './mutex.ts'

/**
 * Wakes all current waiters. A notification without a waiter has no effect, so a loop calls `wait`
 * first, then looks for work, then awaits the promise.
 */
export class Signal {
  #next: Deferred<void> | undefined

  /** Returns a promise that resolves at the next `notify`. */
  wait(): Promise<void> {
    this.#next ??= new Deferred()
    return this.#next.promise
  }

  /** Resolves the promises of all current waiters. */
  notify(): void {
    this.#next?.resolve()
    this.#next = undefined
  }
}

/** Resolves when `signal` is aborted, at once where it is already. Never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/**
 * Returns the error of a call that `signal` aborted: ERR_ABORTED, with the signal's reason as
 * `cause`.
 */
export function abortError(signal: AbortSignal, message: string): ReplicaError {
  return new ReplicaError('ERR_ABORTED', message, { cause: signal.reason })
}
