// Event ids under which a frontier has two or more contents. An id is a label of 64 bits (protocol/event.md, V14): both contents stay,
// and whoever looks is told. Counted when it is asked for, and again only when nodes were added since.

import type { FrontierStore } from '../store/store.ts'
import { labelId } from '../vela/event.ts'

export class SharedIds {
  readonly #log: FrontierStore
  #counted: { nodes: number; ids: Promise<number> } | undefined

  constructor(log: FrontierStore) {
    this.#log = log
  }

  /** How many there are; about 2 µs an event when nodes were added since. @throws ReplicaError ERR_STORE_… */
  async count(): Promise<number> {
    const { nodes } = this.#log
    if (this.#counted?.nodes !== nodes) this.#counted = { nodes, ids: this.#count() }
    try {
      return await this.#counted.ids
    } catch (error) {
      this.#counted = undefined
      throw error
    }
  }

  async #count(): Promise<number> {
    let ids = 0
    for await (const _ of sharedIds(this.#log)) ids += 1
    return ids
  }
}

/** The ids, in order. */
export async function* sharedIds(log: FrontierStore): AsyncGenerator<string> {
  for await (const label of log.sharedLabels()) yield labelId(label)
}
