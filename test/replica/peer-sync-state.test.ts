// Each state of a peer in `status`: after real exchanges, with a link, and after a restart.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import { decodePeerSyncState, encodePeerSyncState, newStanding } from '../../src/replica/sync/peer-sync-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, introduce, NOW, pair } from './drafts.ts'
import { eventually, linkOf } from './link-scene.ts'

const test = suite('replica/peer-sync-state')
const now = NOW.toISOString()

test('a peer is unknown before an exchange, then behind, in sync or ahead', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  const stands = async (): Promise<unknown[]> => {
    const { state, behind, ahead, lagEvents, lagSeconds } = await linkOf(laptop, 'hub:main')
    return [state, behind, ahead, lagEvents, lagSeconds]
  }
  assert.equal(await stands(), ['unknown', 0, 0, 0, null])
  await hub.replica.append(FRONTIER, draft('one'))
  await hub.replica.append(FRONTIER, draft('two'))
  await laptop.push(FRONTIER, 'hub:main')
  assert.equal(await stands(), ['behind', 2, 0, 2, 0])
  await laptop.pull(FRONTIER, 'hub:main')
  assert.equal(await stands(), ['in sync', 0, 0, 0, 0])
  for (const reason of ['a', 'b', 'c']) await laptop.append(FRONTIER, draft(reason))
  assert.equal(await stands(), ['ahead', 0, 3, 3, 0])
  assert.is((await linkOf(laptop, 'hub:main')).lastExchange, now)
  await laptop.push(FRONTIER, 'hub:main')
  assert.equal(await stands(), ['in sync', 0, 0, 0, 0])
  await eventually(async () => (await linkOf(hub.replica, 'hub:laptop')).state === 'in sync') // the hub keeps it too
})

test('a peer is held while nodes wait for a key on either side', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await using third = await Replica.open({ location: new MemoryStore(), hubId: 'hub:third', clock: () => NOW })
  const { publicKey } = third.key
  await hub.replica.registry(FRONTIER).add({ id: 'hub:third', url: 'wss://third.example', publicKey })
  await third.registry(FRONTIER).add({ id: 'hub:main', url: hub.url, publicKey: hub.replica.key.publicKey })
  await third.append(FRONTIER, draft('by the third'))
  await third.push(FRONTIER, 'hub:main')
  await laptop.pull(FRONTIER, 'hub:main')
  const link = await linkOf(laptop, 'hub:main')
  assert.equal([link.state, link.heldKeys, link.behind, link.ahead], ['held', [publicKey], 1, 0])
  await laptop.registry(FRONTIER).add({ id: 'hub:third', url: 'wss://third.example', publicKey })
  assert.is((await linkOf(laptop, 'hub:main')).state, 'in sync')
})

test('a peer is forked if one side refuses nodes of the other', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await using third = await Replica.open({ location: new MemoryStore(), hubId: 'hub:third', clock: () => NOW })
  await introduce(hub, third)
  await third.append(FRONTIER, draft('by the third'))
  await third.push(FRONTIER, 'hub:main')
  const peer = { id: 'hub:third', url: 'wss://third.example', publicKey: third.key.publicKey }
  await laptop.registry(FRONTIER).add(peer)
  await laptop.registry(FRONTIER).remove('hub:third')
  assert.is((await laptop.pull(FRONTIER, 'hub:main')).refusedCount, 1)
  const { state, behind } = await linkOf(laptop, 'hub:main')
  assert.equal([state, behind], ['forked', 1])
})

test('a peer is unreachable since the first consecutive failure, also after a restart', async () => {
  await using dir = await scratch()
  const location = dir.join('laptop')
  const hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', clock: () => NOW })
  let time = NOW
  const open = (): Promise<Replica> => Replica.open({ location, create: true, clock: () => time })
  const laptop = await open()
  await introduce(hub, laptop)
  await laptop.append(FRONTIER, draft('one'))
  await laptop.push(FRONTIER, 'hub:main')
  await hub.close()
  time = new Date(NOW.getTime() + 60_000)
  const first = time.toISOString()
  assert.is(await codeOf(laptop.push(FRONTIER, 'hub:main')), 'ERR_SYNC_CONNECT')
  time = new Date(NOW.getTime() + 90_000)
  assert.is(await codeOf(laptop.pull(FRONTIER, 'hub:main')), 'ERR_SYNC_CONNECT')
  await laptop.close()
  await using again = await open()
  const link = await linkOf(again, 'hub:main')
  assert.equal([link.state, link.unreachableSince, link.failure?.code], ['unreachable', first, 'ERR_SYNC_CONNECT'])
  assert.equal([link.lastExchange, link.link, link.lagEvents], [now, null, 0])
})

test('a record of another form is ignored', () => {
  const standing = { ...newStanding(), exchangedAt: now, heldThereKeys: ['ab'], theirs: { count: 3, digest: 'cd' } }
  assert.equal(decodePeerSyncState(encodePeerSyncState(standing)), standing)
  for (const bytes of [
    new Uint8Array(),
    Uint8Array.of(0xff),
    encodePeerSyncState({ ...standing, common: 'x' as never }),
  ])
    assert.equal(decodePeerSyncState(bytes), newStanding())
})

test.run()
