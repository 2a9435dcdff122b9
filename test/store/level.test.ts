// The LevelDB engine against the conformance suite, closed and opened again between the steps.

import { createLevel, openLevel } from '../../src/store/index.ts'
import { scratch } from '../shared-data.ts'
import { storeSuite } from './conformance.ts'

storeSuite({
  name: 'LevelDB',
  async open(options) {
    const folder = await scratch()
    let store = await createLevel(folder.path, options)
    return {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = await openLevel(folder.path, options)
        return store
      },
      async [Symbol.asyncDispose]() {
        await store.close()
        await folder[Symbol.asyncDispose]()
      },
    }
  },
})
