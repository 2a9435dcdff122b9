// A tree of stated values that knows which of them were looked at, so that a value which no check knows is named and doesn't
// pass in silence. A list counts as one value.

import { isObject, type Plain } from './plain.ts'

export class Watched {
  readonly value: Plain
  /** Paths of values that nobody has looked at, and the members that lead there. */
  readonly #open = new Map<string, readonly string[]>()

  readonly #all: readonly string[]

  constructor(value: Plain) {
    this.#list(value, [])
    this.#all = [...this.#open.keys()]
    this.value = this.#watch(value, [])
  }

  /** Whether any value below this path was looked at. */
  isSeen(path: readonly string[]): boolean {
    let [all, open] = [0, 0]
    const start = `${path.join('\0')}\0`
    for (const one of this.#all) if (one.startsWith(start)) all += 1
    for (const one of this.#open.keys()) if (one.startsWith(start)) open += 1
    return open < all || all === 0
  }

  /** What was not looked at, by its path. */
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
