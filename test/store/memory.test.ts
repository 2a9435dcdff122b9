// The memory engine against the conformance suite, and what it alone does.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryStore } from '../../src/store/index.ts'
import { storeSuite } from './conformance.ts'

const test = suite('store/memory')

storeSuite({
  test,
  async open(options) {
    const store = new MemoryStore(options)
    return { store, reopen: async () => store, [Symbol.asyncDispose]: () => store.close() }
  },
})

test('it needs no disk, and no two stores are one', async () => {
  await using store = new MemoryStore()
  await using other = new MemoryStore()
  assert.is(await store.diskBytes(), 0)
  await store.track('vfr_0123456789abcdef')
  assert.equal(other.frontiers(), [])
  assert.not.equal(store.id, other.id)
})

test.run()
