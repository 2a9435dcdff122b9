// Replicas without texts: clone headers, fetch and drop texts, push from a skeleton.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cidText } from '../../src/cbor/cid.ts'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import { appendEvent } from '../../src/replica/append.ts'
import { eraseText } from '../../src/replica/erase.ts'
import { watchTexts } from '../../src/replica/sync/log-follower.ts'
import { Texts } from '../../src/replica/sync/texts.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { chain, FRONTIER as LOCAL_FRONTIER, local, plant, introduce as register } from '../sync/local.ts'
import { codeOf, draft, FRONTIER, introduce, NOW } from './drafts.ts'

const test = suite('replica/texts')

interface Site {
  readonly hub: Hub
  readonly skeleton: Replica
  /** CIDs of the nodes at the hub, oldest first. */
  readonly cids: readonly string[]
  [Symbol.asyncDispose](): Promise<void>
}

async function site(events: number): Promise<Site> {
  const hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', clock: () => NOW })
  await hub.replica.track(FRONTIER)
  for (let i = 0; i < events; i += 1) await hub.replica.append(FRONTIER, draft(`event ${i}`))
  const { replica: skeleton, report } = await Replica.clone(hub.url, {
    ...{ location: new MemoryStore(), key: hub.replica.key.publicKey, frontier: FRONTIER, hubId: 'hub:skeleton' },
    texts: 'none',
  })
  assert.equal([report.admitted, report.equal], [events, true])
  await introduce(hub, skeleton)
  const cids: string[] = []
  for await (const { cid } of hub.replica.nodes(FRONTIER)) cids.push(cid)
  return {
    hub,
    skeleton,
    cids,
    async [Symbol.asyncDispose]() {
      await skeleton.close()
      await hub.close()
    },
  }
}

function counts(replica: Replica): number[] {
  const { here, wanted, leftOut } = replica.texts(FRONTIER).status()
  return [here, wanted, leftOut]
}

test('a clone of headers has every node and no text, and verifies whole', async () => {
  await using at = await site(3)
  const { skeleton } = at
  assert.equal(counts(skeleton), [0, 0, 3])
  const { faults, checked } = await skeleton.verify({ signatures: true })
  assert.equal([faults, checked], [[], 3])
  const [status] = (await skeleton.status()).frontiers
  assert.equal([status!.texts!.keeps, status!.texts!.complete], ['none', true])
})

test('texts are fetched one by one, then all, also more than one session carries', async () => {
  await using at = await site(1100)
  const { skeleton, cids } = at
  assert.equal(await skeleton.texts(FRONTIER).fetch([cids[2]!]), { fetched: 1 })
  assert.equal(counts(skeleton), [1, 0, 1099])
  assert.equal(await skeleton.texts(FRONTIER).fetch('all', { peer: 'hub:main' }), { fetched: 1099 })
  assert.equal(counts(skeleton), [1100, 0, 0])
})

test('a text that no peer has stays wanted, and the status is not complete', async () => {
  await using at = await site(2)
  const { hub, skeleton } = at
  await skeleton.append(FRONTIER, draft('own'))
  await skeleton.push(FRONTIER, 'hub:main')
  assert.equal(counts(hub.replica), [3, 0, 0])
  assert.is((await hub.replica.texts(FRONTIER).drop()).dropped, 1)
  const { key } = hub.replica
  const { replica: third } = await Replica.clone(hub.url, {
    ...{ location: new MemoryStore(), key: key.publicKey, frontier: FRONTIER, adoptRegistry: true, allowPlain: true },
  })
  await using full = third
  assert.equal(counts(full), [2, 1, 0])
  assert.equal(await full.texts(FRONTIER).fetch('all', { peer: 'hub:main' }), { fetched: 0 })
  const [status] = (await full.status()).frontiers
  assert.equal([status!.texts!.complete, status!.texts!.wanted], [false, 1])
})

test('a budget drops the oldest texts, and keeps those named', async () => {
  await using at = await site(4)
  const { skeleton, cids } = at
  const texts = skeleton.texts(FRONTIER)
  await texts.fetch('all')
  const { bytes } = await texts.drop({ keep: cids.slice(1) })
  assert.equal(counts(skeleton), [3, 0, 1])
  const { dropped } = await texts.drop({ budgetBytes: 2 * bytes, keep: [cids[1]!] })
  assert.is(dropped, 1)
  const states: string[] = []
  for await (const { text } of skeleton.nodes(FRONTIER)) states.push(text)
  assert.equal(states, ['left-out', 'here', 'left-out', 'here'])
  assert.is(await codeOf(texts.drop({ keep: ['vev_0000000000000000'] })), 'ERR_NOT_FOUND')
})

test('an erasure that comes between the choice of texts and their change wins over a drop and a fetch', async () => {
  const at = await local('one')
  const two = await local('two')
  await register(at, two)
  const frontier = at.context.frontier(LOCAL_FRONTIER)
  await appendEvent(at.context, { frontier: LOCAL_FRONTIER, event: draft('first, so this key is the owner') })
  const nodes = chain(two.key, 'event', 2)
  await plant(at, nodes)
  const texts = new Texts({
    frontier,
    ownKeys: at.context.ownKeys,
    now: () => at.context.now(),
    pull: async () => {},
  })
  const { gate } = frontier
  const exclusive = gate.exclusive.bind(gate)
  const eraseFirst = (node: Uint8Array): void => {
    gate.exclusive = async task => {
      gate.exclusive = exclusive
      const target = { frontier: LOCAL_FRONTIER, reference: cidText(node) }
      await eraseText(at.context, target, { reason: 'withdrawn' })
      return exclusive(task)
    }
  }
  eraseFirst(nodes[0]!.digest)
  assert.equal((await texts.drop()).dropped, 1)
  assert.equal(frontier.log.texts(), { here: 2, wanted: 0, 'left-out': 1, erased: 1, void: 0 })
  eraseFirst(nodes[1]!.digest)
  await texts.fetch('all')
  assert.equal(frontier.log.texts(), { here: 3, wanted: 0, 'left-out': 0, erased: 2, void: 0 })
})

test('a clone with a filter receives matching texts only, and is complete', async () => {
  await using at = await site(0)
  const { hub } = at
  const other = { ...draft('of another kind'), kind: 'finding.caveated' }
  for (const one of [draft('one'), other, draft('two'), other]) {
    await hub.replica.append(FRONTIER, { ...one, reason: `${one.reason} ${Math.random()}` })
  }
  const filter = { kinds: ['finding.noted'] }
  const options = { location: new MemoryStore(), key: hub.replica.key.publicKey, frontier: FRONTIER, texts: filter }
  const { replica: part, report } = await Replica.clone(hub.url, options)
  await using closing = part
  assert.equal([report.admitted, report.equal], [4, true])
  assert.equal(counts(part), [2, 0, 2])
  assert.equal([report.texts!.here, report.texts!.leftOut, report.texts!.complete], [2, 2, true])
  assert.equal(part.texts(FRONTIER).status().keeps, filter)
  assert.ok(report.receivedBytes < 4000)
  const peer = { id: part.hubId, url: 'wss://part.example', publicKey: part.key.publicKey }
  await hub.replica.registry(FRONTIER).add(peer)
  await hub.replica.append(FRONTIER, draft('three'))
  await hub.replica.append(FRONTIER, other)
  await part.pull(FRONTIER, hub.replica.hubId)
  assert.equal(counts(closing), [3, 0, 3])
  assert.is((await part.texts(FRONTIER).fetch('all')).fetched, 3)
  assert.equal(counts(part), [6, 0, 0])
})

test('a fetch by filter brings the texts that match, and leaves the others out', async () => {
  await using at = await site(3)
  const { hub, skeleton } = at
  await hub.replica.append(FRONTIER, { ...draft('of another kind'), kind: 'finding.caveated' })
  await skeleton.pull(FRONTIER, 'hub:main')
  const texts = skeleton.texts(FRONTIER)
  assert.is((await texts.fetch({ kinds: ['finding.caveated'] })).fetched, 1)
  assert.equal(counts(skeleton), [1, 0, 3])
  assert.is((await texts.fetch({ since: '2030-01-01T00:00:00Z' })).fetched, 0)
  assert.is((await texts.fetch({ targets: ['vf_04f7f6513eaa1b4d'] })).fetched, 3)
  assert.is(await codeOf(texts.fetch({})), 'ERR_USAGE')
})

test('a text that was fetched by name stays when room is made, until it is dropped by name', async () => {
  await using at = await site(3)
  const { skeleton, cids } = at
  const texts = skeleton.texts(FRONTIER)
  await texts.fetch([cids[1]!])
  await texts.fetch('all')
  assert.is((await texts.drop()).dropped, 2)
  assert.equal(counts(skeleton), [1, 0, 2])
  assert.is((await texts.drop({ events: [cids[1]!] })).dropped, 1)
  await texts.fetch('all')
  assert.is((await texts.drop()).dropped, 3)
})

test('a live channel is opened again when a text can be requested once more, and not before', async () => {
  const at = await local('one')
  const two = await local('two')
  await register(at, two)
  const frontier = at.context.frontier(LOCAL_FRONTIER)
  await plant(at, chain(two.key, 'event', 1))
  let now = 1_000_000
  const alarms: (() => void)[] = []
  const peer = two.key.publicKeyBytes
  const setTimer = (_: number, ring: () => void) => {
    alarms.push(ring)
    return { restart: () => {}, stop: () => {} }
  }
  let calls = 0
  const end = watchTexts(frontier, { peer, now: () => now, setTimer }, () => {
    calls += 1
  })
  const look = async (): Promise<number> => {
    alarms.shift()!()
    for (let i = 0; i < 5; i += 1) await new Promise(resolve => setImmediate(resolve))
    return calls
  }
  assert.is(await look(), 0, 'no text is wanted')
  await frontier.log.setTexts([{ seq: 0, state: 'wanted' }])
  await frontier.textRequests.next(peer, now)
  now += 29_999
  assert.is(await look(), 0, 'the delay is not over')
  now += 1
  assert.is(await look(), 1)
  assert.is(alarms.length, 0)
  end()
})

test.run()
