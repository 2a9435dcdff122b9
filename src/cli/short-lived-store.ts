// Opens a store that no hub serves for one short visit at a time. A long read-only command must not
// lock the store for other commands. Between two visits the store's files tell whether it has
// changed.

import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { CLI_LIMITS } from '../base/cli-limits.ts'
import { hasCode } from '../base/errors.ts'
import type { Replica } from '../replica/replica.ts'
import { changeToken } from '../store/leveldb/change-detector.ts'

/** The owner of a store: the hub that serves it, reached over its socket, or this process. */
export type StoreOwner = { hub: Socket; replica?: never } | { hub?: never; replica: Replica }

export interface ShortLivedStoreOptions {
  readonly location: string
  readonly signal: AbortSignal
  /**
   * Tries to find or become the owner.
   * @throws ReplicaError ERR_STORE_LOCKED while another command has it
   */
  readonly find: () => Promise<StoreOwner>
}

export class ShortLivedStore implements AsyncDisposable {
  readonly #parts: ShortLivedStoreOptions
  /** The replica that is already open for the first visit. */
  #first: Replica | undefined
  #seen = ''

  constructor(first: Replica, parts: ShortLivedStoreOptions) {
    this.#first = first
    this.#parts = parts
  }

  /**
   * Opens the store when no other command has it, calls `use` and closes it.
   * @returns the result of `use`, or `served` if a hub serves the store now
   * @throws ReplicaError as Replica.open, except ERR_STORE_LOCKED
   */
  async visit<T>(use: (replica: Replica) => Promise<T>): Promise<T | 'served' | 'aborted'> {
    const { hub, replica } = this.#first === undefined ? await this.#find() : { replica: this.#first }
    this.#first = undefined
    hub?.destroy()
    if (replica === undefined) return hub === undefined ? 'aborted' : 'served'
    try {
      return await use(replica)
    } finally {
      this.#seen = await changeToken(this.#parts.location) // before the close: until then no other process can write
      await replica.close()
    }
  }

  /** Resolves when the store may have changed since the last visit, or when the signal aborts. */
  async changed(): Promise<void> {
    const { location, signal } = this.#parts
    while (!signal.aborted && (await changeToken(location)) === this.#seen) await this.#pause()
  }

  /** Returns the owner; an empty object after the signal has aborted. */
  async #find(): Promise<StoreOwner | { hub?: never; replica?: never }> {
    while (!this.#parts.signal.aborted) {
      try {
        return await this.#parts.find()
      } catch (error) {
        if (!hasCode(error, 'ERR_STORE_LOCKED')) throw error
      }
      await this.#pause()
    }
    return {}
  }

  /** Closes the store if it was never visited. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#first?.close()
  }

  async #pause(): Promise<void> {
    await delay(CLI_LIMITS.watchLookMs, undefined, { signal: this.#parts.signal }).catch(() => {}) // aborted
  }
}
