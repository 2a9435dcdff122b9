// Links of hubs: becoming and staying equal, reconnecting, refusals, changes of the registry, and
// shutdown. Real hubs on real sockets; timers and random numbers are those of the test.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReplicaError } from '../../src/base/errors.ts'
import { LINK_LIMITS } from '../../src/base/limits.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { connect } from '../../src/transport/websocket-link.ts'
import { scratch } from '../shared-data.ts'
import { until } from '../transport/loopback.ts'
import { draft, FRONTIER, reasons } from './drafts.ts'
import { equal, eventually, isFollowing, know, linkOf, liveHub } from './link-scene.ts'

const test = suite('replica/links')

test('two hubs become equal and stay equal while both write', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await a.hub.replica.append(FRONTIER, draft('before at a'))
  await b.hub.replica.append(FRONTIER, draft('before at b'))
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  await until(() => equal(a.hub.replica, b.hub.replica))
  assert.equal([a.hub.links, b.hub.links], [1, 0])
  await Promise.all([
    a.hub.replica.append(FRONTIER, draft('later at a')),
    b.hub.replica.append(FRONTIER, draft('later at b')),
  ])
  await until(() => equal(a.hub.replica, b.hub.replica))
  assert.equal((await reasons(b.hub.replica)).sort(), ['before at a', 'before at b', 'later at a', 'later at b'])
})

test('the dialed side knows the state of its peer while the link is open', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  await eventually(async () => (await linkOf(b.hub.replica, 'hub:a')).state === 'in sync')
  await a.hub.replica.append(FRONTIER, draft('news'))
  await eventually(async () => {
    const { state, lagEvents } = await linkOf(b.hub.replica, 'hub:a')
    return state === 'in sync' && lagEvents === 0 && (await reasons(b.hub.replica)).length === 1
  })
  await b.hub.replica.append(FRONTIER, draft('an answer'))
  await eventually(
    async () => (await linkOf(b.hub.replica, 'hub:a')).state === 'in sync' && equal(a.hub.replica, b.hub.replica),
  )
})

test('two hubs that dial each other have two links, without further effect', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await know(b.hub.replica, a.hub, 'both')
  await know(a.hub.replica, b.hub, 'both')
  for (let i = 0; i < 5; i += 1) await (i % 2 === 0 ? a : b).hub.replica.append(FRONTIER, draft(`event ${i}`))
  await until(() => equal(a.hub.replica, b.hub.replica) && a.hub.sessions === 1 && b.hub.sessions === 1)
  assert.is((await reasons(a.hub.replica)).length, 5)
})

test('a hub that was down is dialed with backoff, and receives the difference', async () => {
  // URL of b; another program may take its port while it is down.
  let place: string | undefined
  const dial: typeof connect = async (asked, options) => {
    if (place === '') throw new ReplicaError('ERR_SYNC_CLOSED', 'nobody is there')
    return connect(place ?? asked, options)
  }
  await using a = await liveHub('hub:a', {}, { dial })
  await using dir = await scratch()
  const location = dir.join('b')
  const b = await liveHub('hub:b', { location, create: true })
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  for (let i = 0; i < 200; i += 1) await a.hub.replica.append(FRONTIER, draft(`event ${i}`))
  await until(() => equal(a.hub.replica, b.hub.replica))
  place = ''
  await b.stop()
  await until(() => a.alarms.isRetrying())
  await a.hub.replica.append(FRONTIER, draft('while b was away'))
  const waits: number[] = []
  for (let i = 0; i < 9; i += 1) {
    waits.push(a.alarms.retryMs())
    a.alarms.retry()
    await until(() => a.alarms.isRetrying())
  }
  assert.equal(waits.slice(0, 4), [750, 1250, 2250, 2250])
  assert.ok(waits.every((ms, i) => i === 0 || ms >= waits[i - 1]!))
  assert.is(waits.at(-1), (LINK_LIMITS.retryMsMin + LINK_LIMITS.retryMsMax) / 2)
  await using again = await liveHub('hub:b', { location })
  place = again.hub.url
  a.alarms.retry()
  await until(() => equal(a.hub.replica, again.hub.replica))
  await until(() => a.told.some(({ kind }) => kind === 'session'))
  assert.is((await linkOf(a.hub.replica, 'hub:b')).failure, null)
  const told = a.told.filter(({ message }) => message.includes('hub:b'))
  assert.equal(
    told.map(({ kind }) => kind),
    ['alarm', 'session'],
  )
})

test('a reopened channel makes heads equal that differ without a new write', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await using c = await liveHub('hub:c')
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  await know(c.hub.replica, a.hub)
  await know(a.hub.replica, c.hub, 'push')
  await c.hub.replica.append(FRONTIER, draft('by c, unknown to b'))
  await know(b.hub.replica, c.hub)
  await know(c.hub.replica, b.hub)
  await eventually(() => isFollowing(a.hub.replica))
  await a.hub.replica.append(FRONTIER, draft('by a'))
  await until(() => equal(a.hub.replica, b.hub.replica))
  assert.not(equal(a.hub.replica, c.hub.replica))
  await a.hub.replica.registry(FRONTIER).set('hub:c', { live: 'both' })
  await until(() => equal(a.hub.replica, b.hub.replica, c.hub.replica))
  a.alarms.reopen()
  await eventually(
    async () => (await isFollowing(a.hub.replica)) && (await linkOf(a.hub.replica, 'hub:b')).link === 'live',
  )
  await b.hub.replica.append(FRONTIER, draft('after the channels were opened again'))
  await until(() => equal(a.hub.replica, b.hub.replica, c.hub.replica))
})

test('a late registration admits held nodes, which are sent on', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await using c = await liveHub('hub:c')
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  await know(b.hub.replica, c.hub, 'both')
  await know(c.hub.replica, b.hub)
  await know(c.hub.replica, a.hub)
  await c.hub.replica.append(FRONTIER, draft('by c'))
  await until(() => equal(b.hub.replica, c.hub.replica))
  await eventually(async () => (await linkOf(a.hub.replica, 'hub:b')).state === 'held')
  const link = await linkOf(a.hub.replica, 'hub:b')
  assert.equal(link.heldKeys, [c.hub.replica.key.publicKey])
  await know(a.hub.replica, c.hub)
  await until(() => equal(a.hub.replica, b.hub.replica, c.hub.replica))
})

test('an unregistered hub retries with short delays, and is accepted at the next attempt', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await a.hub.replica.append(FRONTIER, draft('one'))
  await know(a.hub.replica, b.hub, 'both')
  await until(() => a.alarms.isRetrying())
  const waits: number[] = []
  for (let i = 0; i < 7; i += 1) {
    waits.push(a.alarms.retryMs())
    a.alarms.retry()
    await until(() => a.alarms.isRetrying())
  }
  assert.ok(waits[0]! < 1000, `${waits}`)
  assert.is(waits.at(-1), (LINK_LIMITS.retryMsMin + LINK_LIMITS.refusedMsMax) / 2)
  const link = await linkOf(a.hub.replica, 'hub:b')
  assert.equal([link.state, link.failure?.code, link.link], ['unreachable', 'ERR_SYNC_FORBIDDEN', 'waiting'])
  await know(b.hub.replica, a.hub)
  a.alarms.retry()
  await until(() => equal(a.hub.replica, b.hub.replica))
})

test('a peer that proves another key is refused at each attempt', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await using c = await liveHub('hub:c')
  await a.hub.replica
    .registry(FRONTIER)
    .add({ id: 'hub:b', url: b.hub.url, publicKey: c.hub.replica.key.publicKey, live: 'both' })
  await until(() => a.alarms.isRetrying())
  const link = await linkOf(a.hub.replica, 'hub:b')
  assert.equal([link.failure?.code, a.alarms.retryMs() >= 0.75 * LINK_LIMITS.patientMsMax], ['ERR_SYNC_AUTH', true])
})

test('links follow changes of the registry: address, direction, off, removal', async () => {
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await know(b.hub.replica, a.hub)
  const registry = a.hub.replica.registry(FRONTIER)
  await registry.add({ id: 'hub:b', url: 'ws://127.0.0.1:9', publicKey: b.hub.replica.key.publicKey, live: 'pull' })
  await until(() => a.alarms.isRetrying())
  await registry.set('hub:b', { url: b.hub.url })
  await until(() => b.hub.sessions === 1)
  await a.hub.replica.append(FRONTIER, draft('not pushed'))
  await b.hub.replica.append(FRONTIER, draft('pulled'))
  await eventually(async () => (await reasons(a.hub.replica)).length === 2)
  assert.equal(await reasons(b.hub.replica), ['pulled'])
  await registry.set('hub:b', { live: 'both' })
  await until(() => equal(a.hub.replica, b.hub.replica))
  assert.is(b.hub.sessions, 1)
  await registry.set('hub:b', { live: 'off' })
  await until(() => b.hub.sessions === 0)
  await registry.set('hub:b', { live: 'push' })
  await until(() => b.hub.sessions === 1)
  await registry.remove('hub:b')
  await until(() => b.hub.sessions === 0)
  assert.is(a.hub.links, 0)
  const changed = (await a.hub.replica.journal(FRONTIER, { limit: 100 })).find(({ kind }) => kind === 'peer.changed')
  assert.equal(
    { ...changed?.facts },
    {
      id: 'hub:b',
      public_key: b.hub.replica.key.publicKey,
      url: b.hub.url,
      former_url: 'ws://127.0.0.1:9',
      live: 'pull',
    },
  )
})

test('one connection carries all frontiers of a peer, and one loop dials it', async () => {
  const other = 'vfr_00000000000000aa'
  let dialled = 0
  const dial: typeof connect = (url, options) => {
    dialled += 1
    return connect(url, options)
  }
  await using a = await liveHub('hub:a', {}, { dial })
  await using b = await liveHub('hub:b')
  for (const name of [FRONTIER, other]) {
    await b.hub.replica.registry(name).add({ id: 'hub:a', url: a.hub.url, publicKey: a.hub.replica.key.publicKey })
    await a.hub.replica
      .registry(name)
      .add({ id: 'hub:b', url: b.hub.url, publicKey: b.hub.replica.key.publicKey, live: 'both' })
    await a.hub.replica.append(name, draft(`for ${name}`))
  }
  await until(() =>
    [FRONTIER, other].every(name => a.hub.replica.headsDigest(name) === b.hub.replica.headsDigest(name)),
  )
  assert.equal([a.hub.links, b.hub.sessions, dialled], [1, 1, 1])
})

test('a reload retries a refused channel on the connection of the others', async () => {
  const other = 'vfr_00000000000000aa'
  await using a = await liveHub('hub:a')
  await using b = await liveHub('hub:b')
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  await b.hub.replica.track(other)
  await a.hub.replica
    .registry(other)
    .add({ id: 'hub:b', url: b.hub.url, publicKey: b.hub.replica.key.publicKey, live: 'both' })
  await a.hub.replica.append(other, draft('refused at first'))
  await until(() => a.alarms.isRetrying())
  await eventually(async () => (await linkOf(a.hub.replica, 'hub:b')).link === 'live')
  await b.hub.replica.registry(other).add({ id: 'hub:a', url: a.hub.url, publicKey: a.hub.replica.key.publicKey })
  await a.hub.reload()
  await until(() => a.hub.replica.headsDigest(other) === b.hub.replica.headsDigest(other))
  assert.is(b.hub.sessions, 1)
})

test('a hub that stops ends its links gracefully, also during dialing', async () => {
  await using b = await liveHub('hub:b')
  const a = await liveHub('hub:a')
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  await a.hub.replica.append(FRONTIER, draft('one'))
  await until(() => equal(a.hub.replica, b.hub.replica))
  await a.stop()
  await until(() => b.hub.sessions === 0)
  assert.equal(
    b.told.filter(({ kind }) => kind === 'alarm'),
    [],
  )
  let asked = 0
  const dial: typeof connect = (_, { signal } = {}) =>
    new Promise((_resolve, reject) => {
      asked += 1
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
  const c = await liveHub('hub:c', {}, { dial })
  await know(c.hub.replica, b.hub, 'both')
  await until(() => asked === 1)
  await c.stop()
})

const shapes: { name: string; edges: readonly (readonly [number, number])[] }[] = [
  { name: 'a ring', edges: [0, 1, 2, 3, 4].map(i => [i, (i + 1) % 5] as const) },
  { name: 'a star', edges: [1, 2, 3, 4].map(i => [0, i] as const) },
  {
    name: 'a full mesh',
    edges: [0, 1, 2, 3, 4].flatMap(i => [0, 1, 2, 3, 4].filter(j => j > i).map(j => [i, j] as const)),
  },
]

for (const { name, edges } of shapes) {
  test(`five hubs in ${name} end equal from writes at all five`, async () => {
    const scenes = []
    for (let i = 0; i < 5; i += 1) scenes.push(await liveHub(`hub:${i}`))
    const hubs: Hub[] = scenes.map(({ hub }) => hub)
    for (const one of hubs) for (const other of hubs) if (one !== other) await know(one.replica, other)
    for (const [from, to] of edges) await hubs[from]!.replica.registry(FRONTIER).set(`hub:${to}`, { live: 'both' })
    const writes = hubs.map(async (hub, i) => {
      for (let n = 0; n < 20; n += 1) await hub.replica.append(FRONTIER, draft(`hub ${i}, event ${n}`))
    })
    await Promise.all(writes)
    await until(() => equal(...hubs.map(hub => hub.replica)) && hubs[0]!.replica.heads(FRONTIER).length > 0)
    await eventually(
      async () => (await reasons(hubs[0]!.replica)).length === 100 && equal(...hubs.map(hub => hub.replica)),
    )
    assert.is(new Set(await reasons(hubs[3]!.replica)).size, 100)
    for (const scene of scenes) await scene.stop()
  })
}

test.run()
