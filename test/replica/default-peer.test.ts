// The peer that calls without a name mean: the hub of the clone, else the only registered peer.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { Key, Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { codeOf, FRONTIER } from './drafts.ts'

const test = suite('replica/default-peer')

function other(id: string) {
  return { id, url: 'wss://other.example', publicKey: Key.generate().publicKey }
}

test('without a clone the only peer is meant, and none of several', async () => {
  await using replica = await Replica.open({ location: new MemoryStore(), hubId: 'hub:own' })
  await replica.track(FRONTIER)
  const peers = replica.registry(FRONTIER)
  assert.is(await codeOf(peers.default()), 'ERR_PEER_UNKNOWN')
  await peers.add(other('hub:a'))
  assert.is((await peers.default()).id, 'hub:a')
  await peers.add(other('hub:b'))
  assert.is(await codeOf(peers.default()), 'ERR_PEER_UNKNOWN')
  await peers.setDefault('hub:b')
  assert.is((await peers.default()).id, 'hub:b')
  assert.is(await codeOf(peers.setDefault('hub:c')), 'ERR_PEER_UNKNOWN')
})

test('after a clone its hub is meant, until it is removed', async () => {
  await using hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:lab' })
  const { frontier } = await hub.replica.createFrontier({ name: 'One' })
  const options = { location: new MemoryStore(), key: hub.replica.key.publicKey, frontier }
  const { replica } = await Replica.clone(hub.url, options)
  const peers = replica.registry(frontier)
  await peers.add(other('hub:a'))
  assert.is((await peers.default()).id, 'hub:lab')
  await peers.remove('hub:lab')
  assert.is((await peers.default()).id, 'hub:a')
  await replica.close()
})

test.run()
