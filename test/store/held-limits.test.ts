// The default limits of held nodes in both engines: at the limit and one byte above it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLevelDb, MemoryStore, openLevelDb } from '../../src/store/index.ts'
import { HeldQuota } from '../../src/store/quota.ts'
import type { Store, Wait } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import { madeHeld, madeKey } from './made-nodes.ts'

const test = suite('store/held-limits')

const MIB = 1024 * 1024
const FRONTIER = 'vfr_00000000000000aa'
const wait: Wait = { kind: 'key', id: madeKey('k') }

async function put(store: Store, name: string, size: number, from?: Uint8Array): Promise<boolean | undefined> {
  const node = madeHeld(name, wait, { size, ...(from === undefined ? {} : { from }) })
  return (await store.held.put(FRONTIER, [node]))[0]
}

/**
 * Fills the quota of a peer exactly. Asserts that another byte of it is refused and a byte of
 * another peer is not.
 */
async function checkPeer(store: Store): Promise<void> {
  await store.track(FRONTIER)
  for (let i = 0; i < 15; i += 1) assert.is(await put(store, `part ${i}`, 4 * MIB), true)
  assert.is(await put(store, 'one byte too much', 4 * MIB + 1), false)
  assert.is(await put(store, 'the last', 4 * MIB), true)
  assert.equal(store.held.usage(), { nodes: 16, bytes: 64 * MIB })
  assert.is(await put(store, 'one more', 1), false)
  assert.is(await put(store, 'of another', 100, madeKey('other')), true)
}

test('the memory engine holds 64 MiB of a peer', async () => {
  await using store = new MemoryStore()
  await checkPeer(store)
})

test('the LevelDB engine holds 64 MiB of a peer, also after it is reopened', async () => {
  await using folder = await scratch()
  const first = await createLevelDb(folder.path)
  await checkPeer(first)
  await first.close()
  await using again = await openLevelDb(folder.path)
  assert.is(await put(again, 'one more', 1), false)
  assert.equal(again.held.usage(), { nodes: 17, bytes: 64 * MIB + 100 })
})

test('all peers together have 512 MiB by default', () => {
  const quota = new HeldQuota()
  for (let peer = 0; peer < 7; peer += 1) assert.ok(quota.reserve(FRONTIER, `peer ${peer}`, 64 * MIB))
  assert.ok(quota.reserve(FRONTIER, 'the eighth', 64 * MIB - 1))
  assert.not(quota.reserve(FRONTIER, 'the ninth', 2))
  assert.ok(quota.reserve(FRONTIER, 'the ninth', 1))
  assert.not(quota.reserve(FRONTIER, 'the tenth', 1))
  assert.equal(quota.usage(), { nodes: 9, bytes: 512 * MIB })
})

test.run()
