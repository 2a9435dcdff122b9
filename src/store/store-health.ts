// Whether a store accepts writes, and the reason if it does not. The store itself keeps this state,
// so readiness, metrics, status and alarms agree, for a failure of any call. Spec:
// protocol/store.md, T4 and T29 to T31.

import { Emitter } from '../base/emitter.ts'
import { ReplicaError } from '../base/errors.ts'

/**
 * Why writes are refused, the weakest first. `space`: the disk is nearly full; writes are allowed
 * again when there is room. `failed`: a write failed; the store must be opened again. `check`: the
 * store was opened for a check only. `folder`: its folder was replaced, removed or opened
 * elsewhere. `fenced`: its database lost acknowledged commits.
 */
const CAUSES = ['space', 'failed', 'check', 'folder', 'fenced'] as const

/** The cause and the error with which writes are refused. */
export interface WriteRefusal {
  readonly cause: (typeof CAUSES)[number]
  readonly error: ReplicaError
}

/**
 * Keeps the refusal of a store. A stronger cause replaces a weaker one.
 *
 * @example
 * const health = new StoreHealth()
 * const unsubscribe = health.onChange(refusal => console.log(refusal?.error.message ?? 'writable'))
 */
export class StoreHealth {
  #refusal: WriteRefusal | undefined
  readonly #changes = new Emitter<WriteRefusal | undefined>()

  /** The refusal; undefined while the store accepts writes. */
  get refusal(): WriteRefusal | undefined {
    return this.#refusal
  }

  /** Makes every further write fail with the error of `refusal`. Reads continue. */
  refuse(refusal: WriteRefusal): void {
    const present = this.#refusal
    if (present !== undefined && CAUSES.indexOf(present.cause) >= CAUSES.indexOf(refusal.cause)) return
    this.#refusal = refusal
    this.#changes.emit(refusal)
  }

  /** Allows writes again after the cause `space`. Other causes last until the store is closed. */
  allow(): void {
    if (this.#refusal?.cause !== 'space') return
    this.#refusal = undefined
    this.#changes.emit(undefined)
  }

  /** @throws ReplicaError with the code of the refusal */
  assertWritable(): void {
    if (this.#refusal === undefined) return
    const { code, message, facts } = this.#refusal.error
    throw new ReplicaError(code, message, { cause: this.#refusal.error, facts })
  }

  /**
   * Calls the listener after each change. It must not throw.
   * @returns a function that unsubscribes
   */
  onChange(listener: (refusal: WriteRefusal | undefined) => void): () => void {
    return this.#changes.on(listener)
  }
}
