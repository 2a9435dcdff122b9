// Events of a log that stand before their parents: each is let go when the last of its parents has its node, so that a log in
// any order costs what it costs in the right one. Kahn's algorithm with a list of children for each parent; nothing recurses.

import type { PreparedEvent } from '../node-builder.ts'

export class ParentQueue<Entry extends PreparedEvent> {
  readonly #entries: Entry[] = []
  /** By the id of a parent that has no node yet. */
  readonly #children = new Map<string, Entry[]>()
  readonly #lacking = new Map<Entry, number>()

  add(entry: Entry): void {
    this.#entries.push(entry)
  }

  /** Finds out what each waits for; `has` says which parents have their node. Answers those that wait for nothing any more. */
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

  /** The event of this id has its node now: answers those that waited for it and for nothing else any more. */
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

  /** Those whose parents never came, in the order they were added. */
  rest(): Entry[] {
    return [...this.#lacking.keys()]
  }
}
