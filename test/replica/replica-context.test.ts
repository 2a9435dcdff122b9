// A replica as a whole: opening, names, keys, journal, forks, verification, and a hub's health.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { HEADS_ALARM } from '../../src/base/limits.ts'
import { nodeDigest } from '../../src/cbor/cid.ts'
import { Hub } from '../../src/hub/hub.ts'
import { type Key, Replica, type ReplicaEvent } from '../../src/index.ts'
import { openLevelDb } from '../../src/store/leveldb/open-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, introduce, memoryReplica, NOW, pair, reasons, texts } from './drafts.ts'

const test = suite('replica/replica-context')

test('a replica in a folder is the same after it is reopened', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  assert.is(await codeOf(Replica.open({ location })), 'ERR_STORE_MISSING')
  const made = await Replica.open({ location, create: true, hubId: 'hub:lab' })
  await made.track(FRONTIER)
  const { cid } = await made.append(FRONTIER, draft('one'))
  const { publicKey } = made.key
  await made.close()
  await using again = await Replica.open({ location })
  assert.equal([again.hubId, again.key.publicKey], ['hub:lab', publicKey])
  assert.equal(again.heads(FRONTIER), [cid])
})

test('a second process gets ERR_STORE_LOCKED', async () => {
  await using dir = await scratch()
  await using first = await Replica.open({ location: dir.join('store'), create: true })
  assert.is(await codeOf(Replica.open({ location: dir.join('store') })), 'ERR_STORE_LOCKED')
  assert.equal(first.frontiers(), [])
})

test('a new key signs new nodes, the former stays valid, and peers continue after a rotation', async () => {
  await using dir = await scratch()
  await using hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', clock: () => NOW })
  await using laptop = await Replica.open({ location: dir.join('store'), create: true, hubId: 'hub:laptop' })
  await introduce(hub, laptop)
  await laptop.append(FRONTIER, draft('by the first key'))
  await laptop.push(FRONTIER, 'hub:main')
  const { publicKey, former } = await laptop.rotateKey()
  assert.is.not(publicKey, former)
  await laptop.append(FRONTIER, draft('by the second key'))
  assert.is(await codeOf(laptop.push(FRONTIER, 'hub:main')), 'ERR_SYNC_FORBIDDEN')
  await hub.replica.registry(FRONTIER).rotate('hub:laptop', publicKey)
  assert.is((await laptop.push(FRONTIER, 'hub:main')).admitted, 1)
  assert.equal(await reasons(hub.replica), ['by the first key', 'by the second key'])
  const kinds = (await laptop.journal(FRONTIER, { limit: 100 })).map(entry => entry.kind)
  assert.ok(kinds.includes('key.rotated'))
  assert.is((await laptop.verify({ signatures: true })).ok, true)
})

test('a replaced key can’t sign new nodes, here or where the registry was adopted', async () => {
  await using dir = await scratch()
  const location = dir.join('hub')
  const first = await Replica.open({ location, create: true, hubId: 'hub:main', clock: () => NOW })
  await first.track(FRONTIER)
  await first.append(FRONTIER, draft('by the first key'))
  const leaked = first.key
  await first.rotateKey()
  await first.append(FRONTIER, draft('by the second key'))
  await first.close()
  await using hub = await Hub.listen({ location, port: 0, clock: () => NOW })
  const options = { location: new MemoryStore(), key: hub.replica.key.publicKey, adoptRegistry: true }
  const { replica, adopted } = await Replica.clone(hub.url, options)
  await using clone = replica
  assert.equal([adopted?.adopted, adopted?.cut], [[], [leaked.publicKey]])
  assert.equal(await reasons(clone), ['by the first key', 'by the second key'])
  await hub.replica
    .registry(FRONTIER)
    .add({ id: clone.hubId, url: 'wss://clone.example', publicKey: clone.key.publicKey })
  assert.is(clone.registry(FRONTIER).digest(), hub.replica.registry(FRONTIER).digest())

  await using relay = await misled(hub, leaked)
  for (const victim of [clone, hub.replica]) {
    await victim.registry(FRONTIER).add({ id: 'hub:relay', url: relay.url, publicKey: relay.replica.key.publicKey })
    const { refused } = await victim.pull(FRONTIER, 'hub:relay')
    assert.equal(
      refused.map(({ code }) => code),
      ['ERR_NODE_REVOKED'],
    )
  }
})

/** Opens a hub that still registers a leaked key and has nodes that a thief made. */
async function misled(hub: Hub, leaked: Key): Promise<Hub> {
  const relay = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:relay', clock: () => NOW })
  const main = { id: 'hub:main', url: hub.url, publicKey: hub.replica.key.publicKey }
  await relay.replica.registry(FRONTIER).add(main)
  await relay.replica
    .registry(FRONTIER)
    .add({ id: 'hub:thief', url: 'wss://thief.example', publicKey: leaked.publicKey })
  await relay.replica.pull(FRONTIER, 'hub:main')
  await using thief = await Replica.open({ location: new MemoryStore(), key: leaked, clock: () => NOW })
  await thief.registry(FRONTIER).add(main)
  await thief.registry(FRONTIER).add({ id: 'hub:relay', url: relay.url, publicKey: relay.replica.key.publicKey })
  await thief.pull(FRONTIER, 'hub:relay')
  await thief.append(FRONTIER, draft('by a thief'))
  assert.is((await thief.push(FRONTIER, 'hub:relay')).admitted, 1)
  return relay
}

test('a rotation interrupted before the cut is completed when the store is opened', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const made = await Replica.open({ location, create: true, clock: () => NOW })
  await made.track(FRONTIER)
  await made.track('vfr_00000000000000aa')
  const { cid } = await made.append(FRONTIER, draft('one'))
  const { former } = await made.rotateKey()
  const cuts = made.registry(FRONTIER).cuts()
  assert.equal(
    cuts.map(cut => [cut.publicKey, cut.heads]),
    [[former, [toHex(nodeDigest(cid))]]],
  )
  assert.equal(made.registry('vfr_00000000000000aa').cuts(), [], 'an empty log has no heads to cut at')
  await made.close()
  // The state after a crash between the key file and the cut.
  const store = await openLevelDb(location)
  await store.records.write([{ key: `registry/${FRONTIER}/cut/${former}`, value: undefined }])
  await store.close()
  await using again = await Replica.open({ location, clock: () => NOW })
  assert.equal(again.registry(FRONTIER).cuts(), cuts)
})

test('an alarm is emitted from ten thousand heads on', async () => {
  const alarms: string[] = []
  const onEvent = ({ kind, message }: ReplicaEvent): void => {
    if (kind === 'alarm') alarms.push(message)
  }
  await using replica = await Replica.open({ location: new MemoryStore(), clock: () => NOW, onEvent })
  await replica.track(FRONTIER)
  const roots = (from: number, to: number): Uint8Array[] =>
    texts(...Array.from({ length: to - from }, (_, i) => draft(`${from + i}`, { parents: [] })))
  await replica.import(FRONTIER, () => roots(0, HEADS_ALARM - 1))
  assert.equal([replica.heads(FRONTIER).length, alarms], [9999, []])
  await replica.import(FRONTIER, () => roots(HEADS_ALARM - 1, HEADS_ALARM))
  assert.equal(alarms, [`${FRONTIER} has 10000 heads: merge them`])
  await replica.import(FRONTIER, () => roots(HEADS_ALARM, HEADS_ALARM + 1))
  assert.is(alarms.at(-1), `${FRONTIER} has 10001 heads: merge them`)
})

test('a restored key admits its nodes that a clone without it held', async () => {
  await using dir = await scratch()
  await using hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', clock: () => NOW })
  await using laptop = await Replica.open({ location: new MemoryStore(), hubId: 'hub:laptop', clock: () => NOW })
  await introduce(hub, laptop)
  await laptop.append(FRONTIER, draft('before the disk died'))
  await laptop.push(FRONTIER, 'hub:main')
  const location = dir.join('store')
  const { replica, report } = await Replica.clone(hub.url, { location, key: hub.replica.key.publicKey })
  await replica.close()
  assert.is(report.heldCount, 1)
  await using again = await Replica.open({ location, useKey: laptop.key })
  assert.equal(again.heads(FRONTIER), laptop.heads(FRONTIER))
  assert.is(again.key.publicKey, laptop.key.publicKey)
})

test('the journal records changes in order, and can be read from a number on', async () => {
  await using both = await pair()
  const { laptop } = both
  await laptop.append(FRONTIER, draft('one'))
  await laptop.push(FRONTIER, 'hub:main')
  const entries = await laptop.journal(FRONTIER, { limit: 10 })
  assert.equal(
    entries.map(({ number, kind }) => [number, kind]),
    [
      [0, 'peer.added'],
      [1, 'sync.push'],
    ],
  )
  assert.equal(await laptop.journal(FRONTIER, { after: 1, limit: 10 }), [])
})

test('a fork is a new frontier with the available events; the base does not change', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  await replica.append(FRONTIER, draft('one'))
  await replica.append(FRONTIER, draft('two'))
  const before = replica.headsDigest(FRONTIER)
  for (const reason of ['', '\u0085']) assert.is(await codeOf(replica.fork(FRONTIER, { reason })), 'ERR_USAGE')
  const report = await replica.fork(FRONTIER, { reason: 'the base lost its ancestors' })
  assert.equal([report.mapped, report.missing], [2, []])
  assert.is(replica.headsDigest(FRONTIER), before)
  const found: string[] = []
  for await (const node of replica.events(report.frontier)) found.push(node.event!.kind)
  assert.equal(found, ['frontier.forked_from', 'finding.noted', 'finding.noted'])
  const [root] = await replica.get(report.cid)
  const { payload } = JSON.parse(Buffer.from(root!.event!.text).toString('utf8'))
  assert.is(payload.base_frontier, FRONTIER)
  assert.is(payload.base_root, before)
})

test('lost held nodes give an alarm when the replica is opened', async () => {
  const store = new MemoryStore()
  Object.defineProperty(store.held, 'loss', { value: 'held/ has lost what was written to it' })
  const events: string[] = []
  const onEvent = ({ kind, message }: { kind: string; message: string }) => void events.push(`${kind}: ${message}`)
  await using replica = await Replica.open({ location: store, onEvent })
  assert.equal(events, ['alarm: held/ has lost what was written to it; peers offer it again'])
  assert.equal(replica.frontiers(), [])
})

test('classify returns the ancestors that neither the events nor the store have', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const { event } = await replica.append(FRONTIER, draft('one'))
  const [a, b] = ['vev_aaaaaaaaaaaaaaaa', 'vev_bbbbbbbbbbbbbbbb']
  assert.equal(await replica.classify(FRONTIER, [{ id: a, parents: [event] }]), { kind: 'proceed' })
  const incoming = [
    { id: a, parents: [event] },
    { id: 'vev_cccccccccccccccc', parents: [b, a, 'not an id'] },
  ]
  assert.equal(await replica.classify(FRONTIER, incoming), { kind: 'fetch', missing: ['not an id', b] })
})

test('verification of an intact store has no fault and counts every node', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  for (let i = 0; i < 10; i += 1) await replica.append(FRONTIER, draft(`event ${i}`))
  assert.equal(await replica.verify({ signatures: true }), {
    ok: true,
    checked: 10,
    faults: [],
    searched: 0,
    sharedIds: [],
  })
})

test('the health of a hub is the whole response', async () => {
  await using hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main' })
  const base = hub.url.replace('ws:', 'http:')
  const health = await fetch(`${base}/healthz`)
  assert.is(health.status, 200)
  assert.equal(await health.json(), { ok: true, hub_id: 'hub:main', sessions: 0 })
  assert.is((await fetch(`${base}/nothing`)).status, 404)
  assert.is((await fetch(`${base}/healthz`, { method: 'POST' })).status, 405)
})

test('an address in use is refused, and the store is closed again', async () => {
  await using dir = await scratch()
  await using hub = await Hub.listen({ location: new MemoryStore(), port: 0 })
  const port = Number(new URL(hub.url).port)
  const location = dir.join('store')
  assert.is(await codeOf(Hub.listen({ location, create: true, port })), 'ERR_USAGE')
  await using again = await Replica.open({ location })
  assert.equal(again.frontiers(), [])
})

test.run()
