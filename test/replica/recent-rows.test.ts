// Recent rows in memory, and following a log with and without them.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LIVE_LIMITS } from '../../src/base/limits.ts'
import { followOf } from '../../src/replica/sync/log-follower.ts'
import { RecentRows } from '../../src/replica/sync/recent-rows.ts'
import type { NodeEntry } from '../../src/store/store.ts'
import { chain, FRONTIER, type Local, local, logOf, plant } from '../sync/local.ts'

const test = suite('replica/recent-rows')
const { tailNodesMax, tailBytesMax } = LIVE_LIMITS

function entries(count: number, bytes = 10): NodeEntry[] {
  const empty = new Uint8Array(32)
  return Array.from({ length: count }, () => ({
    digest: empty,
    bytes: new Uint8Array(bytes),
    headerBytes: bytes,
    text: 'wanted',
    parents: [],
    height: 0,
    label: empty,
    event: empty,
  }))
}

test('no rows are kept without a follower', () => {
  const tail = new RecentRows()
  tail.add(entries(3), 0)
  assert.is(tail.take(0, 3, 1000), undefined)
  const leave = tail.join()
  tail.add(entries(3), 3)
  assert.is(tail.take(3, 6, 1000)?.length, 3)
  leave()
  assert.is(tail.take(3, 6, 1000), undefined)
})

test('kept rows are limited in number and bytes, and restart after a gap', () => {
  const tail = new RecentRows()
  tail.join()
  tail.add(entries(tailNodesMax), 0)
  tail.add(entries(5), tailNodesMax)
  assert.is(tail.take(4, 6, 1000), undefined)
  assert.is(tail.take(5, 8, 1000)?.length, 3)
  tail.add(entries(1), tailNodesMax + 99)
  assert.is(tail.take(5, 8, 1000), undefined)
  assert.is(tail.take(tailNodesMax + 99, tailNodesMax + 100, 1000)?.length, 1)
  tail.add(entries(4, tailBytesMax / 2), tailNodesMax + 100)
  assert.is(tail.take(tailNodesMax + 101, tailNodesMax + 104, 1), undefined)
  assert.is(tail.take(tailNodesMax + 102, tailNodesMax + 104, 1)?.length, 1)
})

async function followed(at: Local, from: number, meanwhile: () => Promise<void> = async () => {}): Promise<string[]> {
  const follow = await followOf(at.context.frontier(FRONTIER), from)
  const digests: string[] = []
  for (let isLast = false; !isLast; ) {
    const { rows, last } = await follow.rows({ texts: 'all' })
    digests.push(...rows.map(({ digest }) => Buffer.from(digest).toString('hex')))
    isLast = last
    await meanwhile()
  }
  return digests
}

test('a log is read to its end at the call, each node once, from store and memory', async () => {
  const at = await local('main')
  const nodes = chain(at.key, 'event', 40)
  const all = nodes.map(({ digest }) => Buffer.from(digest).toString('hex'))
  await plant(at, nodes.slice(0, 20))
  assert.equal(await followed(at, 5), all.slice(5, 20))
  at.context.frontier(FRONTIER).recentRows.join()
  await plant(at, nodes.slice(20, 30))
  assert.equal(await followed(at, 5), all.slice(5, 30))
  assert.equal(await followed(at, 25), all.slice(25, 30))
  let more = nodes.slice(30)
  const grow = async (): Promise<void> => {
    await plant(at, more)
    more = []
  }
  assert.equal(await followed(at, 22, grow), all.slice(22, 30))
  assert.is(logOf(at).nodes, 40)
  assert.equal(await followed(at, 40), [])
})

test.run()
