// A store that no hub serves, opened for a moment as often as a verb asks for it: a verb that stays for long and only looks
// must not keep the store from all others. Between two visits the store's files say whether somebody has written.

import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { hasCode } from '../base/errors.ts'
import { CLI_LIMITS } from '../base/limits.ts'
import type { Replica } from '../replica/replica.ts'
import { changeToken } from '../store/leveldb/change-detector.ts'

/** Who has a store: the hub that serves it, reached by its socket, or this process. */
export type StoreOwner = { hub: Socket; replica?: never } | { hub?: never; replica: Replica }

export interface ShortLivedStoreOptions {
  readonly location: string
  readonly signal: AbortSignal
  /** Tries to get at the store. @throws ReplicaError ERR_STORE_LOCKED while another verb has it */
  readonly find: () => Promise<StoreOwner>
}

export class ShortLivedStore implements AsyncDisposable {
  readonly #parts: ShortLivedStoreOptions
  /** As it was opened before anybody knew what for. */
  #first: Replica | undefined
  #seen = ''

  constructor(first: Replica, parts: ShortLivedStoreOptions) {
    this.#first = first
    this.#parts = parts
  }

  /**
   * Calls `use` with the store open, once no other verb has it; answers `served` when a hub serves it by now.
   * @throws ReplicaError as Replica.open, but for ERR_STORE_LOCKED
   */
  async visit<T>(use: (replica: Replica) => Promise<T>): Promise<T | 'served' | 'aborted'> {
    const { hub, replica } = this.#first === undefined ? await this.#find() : { replica: this.#first }
    this.#first = undefined
    hub?.destroy()
    if (replica === undefined) return hub === undefined ? 'aborted' : 'served'
    try {
      return await use(replica)
    } finally {
      this.#seen = await changeToken(this.#parts.location) // before it is closed: until then nobody else has written
      await replica.close()
    }
  }

  /** Resolves when somebody may have written to the store since the last visit, and when the signal fires. */
  async changed(): Promise<void> {
    const { location, signal } = this.#parts
    while (!signal.aborted && (await changeToken(location)) === this.#seen) await this.#pause()
  }

  /** Nobody once the signal has fired. */
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

  /** Closes the store where it was never visited. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#first?.close()
  }

  async #pause(): Promise<void> {
    await delay(CLI_LIMITS.watchLookMs, undefined, { signal: this.#parts.signal }).catch(() => {}) // aborted
  }
}
