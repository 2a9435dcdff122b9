// The memory engine against the conformance suite.

import { MemoryStore } from '../../src/store/index.ts'
import { storeSuite } from './conformance.ts'

storeSuite({
  name: 'memory',
  async open(options) {
    const store = new MemoryStore(options)
    return { store, reopen: async () => store, [Symbol.asyncDispose]: () => store.close() }
  },
})
