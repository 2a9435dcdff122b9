// Records which values of a tree of stated values were read, so that a value that no check knows is
// listed. A list counts as one value.

import { isObject, type Plain } from './plain.ts'

export class Watched {
  readonly value: Plain
  /** Paths of unread values, with the members on the way. */
  readonly #open = new Map<string, readonly string[]>()

  readonly #all: readonly string[]

  constructor(value: Plain) {
    this.#list(value, [])
    this.#all = [...this.#open.keys()]
    this.value = this.#watch(value, [])
  }

  /** Returns whether a value below this path was read. */
  isSeen(path: readonly string[]): boolean {
    let [all, open] = [0, 0]
    const start = `${path.join('\0')}\0`
    for (const one of this.#all) if (one.startsWith(start)) all += 1
    for (const one of this.#open.keys()) if (one.startsWith(start)) open += 1
    return open < all || all === 0
  }

  /** Returns the paths of the unread values. */
  unseen(): string[][] {
    return [...this.#open.values()].map(path => [...path])
  }

  #list(value: unknown, path: readonly string[]): void {
    if (isObject(value)) for (const [name, member] of Object.entries(value)) this.#list(member, [...path, name])
    else this.#open.set(path.join('\0'), path)
  }

  #watch(value: Plain, path: readonly string[]): Plain {
    return new Proxy(value, {
      get: (target, name, receiver) => {
        const member: unknown = Reflect.get(target, name, receiver)
        if (typeof name !== 'string') return member
        if (isObject(member)) return this.#watch(member, [...path, name])
        this.#open.delete([...path, name].join('\0'))
        return member
      },
    })
  }
}
