// Holds events that come before their parents. Each is released when the last of its parents has a
// node, so that any order of the log has the same cost. Kahn's algorithm with a list of children
// per parent; no recursion.

import type { PreparedEvent } from '../node-builder.ts'

export class ParentQueue<Entry extends PreparedEvent> {
  readonly #entries: Entry[] = []
  /** Keyed by the id of a parent that has no node yet. */
  readonly #children = new Map<string, Entry[]>()
  readonly #lacking = new Map<Entry, number>()

  add(entry: Entry): void {
    this.#entries.push(entry)
  }

  /**
   * Sorts the added events; `has` says which parents have a node. Returns the events that wait for
   * nothing.
   */
  async sort(has: (id: string) => Promise<boolean>): Promise<Entry[]> {
    const ids = new Set(this.#entries.map(({ head }) => head.id))
    const free: Entry[] = []
    for (const entry of this.#entries) {
      let lacking = 0
      for (const parent of new Set(entry.head.parents)) {
        if (!ids.has(parent) && (await has(parent))) continue
        lacking += 1
        const children = this.#children.get(parent)
        if (children === undefined) this.#children.set(parent, [entry])
        else children.push(entry)
      }
      if (lacking === 0) free.push(entry)
      else this.#lacking.set(entry, lacking)
    }
    return free
  }

  /** Called when the event of this id has a node. Returns the events that waited for it only. */
  release(id: string): Entry[] {
    const children = this.#children.get(id) ?? []
    this.#children.delete(id)
    return children.filter(entry => {
      const lacking = this.#lacking.get(entry)! - 1
      if (lacking === 0) this.#lacking.delete(entry)
      else this.#lacking.set(entry, lacking)
      return lacking === 0
    })
  }

  /** Returns the events whose parents never came, in the order in which they were added. */
  rest(): Entry[] {
    return [...this.#lacking.keys()]
  }
}
