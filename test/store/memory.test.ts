// The memory engine: the conformance suite, and tests of this engine alone.

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

test('it does not use a disk, and two stores are independent', async () => {
  await using store = new MemoryStore()
  await using other = new MemoryStore()
  assert.is(await store.diskBytes(), 0)
  await store.track('vfr_0123456789abcdef')
  assert.equal(other.frontiers(), [])
  assert.not.equal(store.id, other.id)
})

test.run()
