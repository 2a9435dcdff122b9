// A memory store that stays open when its replica is closed, for tests of a restart.

import type { MemoryStore } from '../../src/store/memory-store.ts'

export function keptOpen(store: MemoryStore): MemoryStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'close') return async () => {}
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
