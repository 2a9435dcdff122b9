// Who a client is, also behind a proxy, and whose connection makes room for whose. Spec: protocol/clients.md.

import { once } from 'node:events'
import * as net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { CLIENT_LIMITS } from '../../src/base/client-limits.ts'
import { ClientAddresses, groupOf } from '../../src/hub/clients/client-address.ts'
import { ClientPlaces, type Eviction, isOverdue, type Place } from '../../src/hub/clients/client-places.ts'
import { ConcurrencyLimit } from '../../src/hub/clients/concurrency-limit.ts'
import { KeyQuotas } from '../../src/hub/clients/key-quotas.ts'
import { type LinesLeftOut, LogLimit } from '../../src/hub/clients/log-limit.ts'
import { StrangerWork } from '../../src/hub/clients/stranger-work.ts'
import { Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { PeerIdentity } from '../../src/sync/connection.ts'
import { LinkGroup } from '../../src/transport/link.ts'
import { EventLoopBudget } from '../../src/transport/scheduler.ts'
import type { ReplicaPort } from '../../src/transport/session.ts'
import { connect } from '../../src/transport/websocket-link.ts'
import { codeOf, draft } from '../replica/drafts.ts'
import { keyOf } from '../sync/local.ts'
import { RawClient } from '../sync/raw-client.ts'
import { Loopback } from '../transport/loopback.ts'
import { request, type Served, serve, skipTime } from './site.ts'

const test = suite('hub/clients')
const { placesPerAddressMax, unprovenPerAddressMax, strangersPerAddressMax, strangerIdleMsMax, strangerMsMax } =
  CLIENT_LIMITS

const { logLinesPerClient, logLinesPerCode, logClientsMax, workBurstMs, workPart, newHeadsMax } = CLIENT_LIMITS

type Headers = Record<string, string>

function groupFrom(remoteAddress: string, headers: Headers = {}): string | undefined {
  const addresses = new ClientAddresses(['10.0.0.0/8', 'fd00::/8', '127.0.0.1'])
  return addresses.of({ socket: { remoteAddress } as net.Socket, headers }).group
}

test('Q1: an IPv6 client counts by its first 64 bits, an IPv4 client by its address', () => {
  assert.is(groupOf('192.0.2.1'), '192.0.2.1')
  assert.is(groupFrom('::ffff:192.0.2.1'), '192.0.2.1')
  assert.is(groupFrom('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.is(groupFrom('2001:DB8:1:2::6'), '2001:db8:1:2::/64')
  assert.is(groupFrom('2001:db8::1'), '2001:db8:0:0::/64')
  assert.is(groupFrom('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.is(groupFrom('::1'), '0:0:0:0::/64')
})

test('Q2: only a trusted proxy names clients, and the right-most one that is not trusted counts', () => {
  const listed = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7' }
  assert.is(groupFrom('192.0.2.1', listed), '192.0.2.1')
  assert.is(groupFrom('10.1.1.1', listed), '198.51.100.7')
  assert.is(groupFrom('::ffff:127.0.0.1', listed), '198.51.100.7')
  assert.is(groupFrom('10.1.1.1', { 'x-forwarded-for': '198.51.100.7, 10.2.2.2,fd00::1' }), '198.51.100.7')
  assert.is(groupFrom('10.1.1.1', { 'x-forwarded-for': '10.3.3.3, 10.2.2.2' }), '10.3.3.3')
  assert.is(groupFrom('fd00::1', { 'x-forwarded-for': '198.51.100.7:4711' }), '198.51.100.7')
  const forwarded = 'for=203.0.113.9;proto=https, FOR="[2001:db8:7::1]:4711";by=10.0.0.1'
  assert.is(groupFrom('10.1.1.1', { forwarded }), '2001:db8:7:0::/64')
  const long = { 'x-forwarded-for': `198.51.100.7${', 10.0.0.1'.repeat(CLIENT_LIMITS.forwardedHopsMax)}` }
  assert.is(groupFrom('10.1.1.1', long), '10.0.0.1')
})

test('Q3: a client cannot choose its address with a header that the proxy does not write', () => {
  const unclear = 'through 10.1.1.1'
  assert.is(groupFrom('10.1.1.1', { 'x-forwarded-for': '198.51.100.7', forwarded: 'for=203.0.113.9' }), unclear)
  assert.is(groupFrom('10.1.1.1', { 'x-forwarded-for': '198.51.100.7', forwarded: 'for=198.51.100.7' }), '198.51.100.7')
  for (const named of ['unknown', '_hidden', '198.51.100.7, ', '1.2.3', '198.51.100.7, [::1', ', '])
    assert.is(groupFrom('10.1.1.1', { 'x-forwarded-for': named }), unclear, named)
  assert.is(groupFrom('10.1.1.1', { forwarded: 'proto=https' }), unclear)
  assert.is(groupFrom('10.1.1.1', { forwarded: '', 'x-forwarded-for': '' }), unclear)
  assert.is(groupFrom('10.1.1.1'), undefined)
})

test('a trusted proxy is an address or a network', () => {
  for (const network of ['', 'proxy', '10.0.0.0/33', '10.0.0.0/', 'fd00::/129', '10.0.0/8', '10.0.0.1/-1', '*'])
    assert.throws(() => new ClientAddresses([network]), /trusted proxy/, network)
})

/** Places that only count. `open` lists what is not closed. */
function countingPlaces(max: number) {
  const evicted: Eviction[] = []
  const open = new Set<Place>()
  const places = new ClientPlaces({ max, onEvict: eviction => evicted.push(eviction) })
  const enter = (group: string | undefined, kind: Place['kind'] = 'idle'): Place | undefined => {
    const place = places.enter(group, () => open.delete(place!))
    if (place === undefined) return undefined
    open.add(place)
    places.change(place, kind)
    return place
  }
  const of = (group: string, kind?: Place['kind']): number =>
    [...open].filter(place => place.group === group && (kind === undefined || place.kind === kind)).length
  return { places, enter, evicted, open, of }
}

test('Q5: one address has a bounded number of places, of unproven ones and of sessions', () => {
  const { enter, of } = countingPlaces(1200)
  for (let i = 0; i < 500; i += 1) enter('a')
  assert.is(of('a'), placesPerAddressMax)
  for (let i = 0; i < 100; i += 1) enter('a', 'unproven')
  assert.is(of('a', 'unproven'), unprovenPerAddressMax)
  for (let i = 0; i < 100; i += 1) enter('a', 'stranger')
  assert.is(of('a', 'stranger'), strangersPerAddressMax)
  for (let i = 0; i < 100; i += 1) enter('a', 'registered')
  assert.is(of('a', 'registered'), 100)
  assert.ok(of('a') - 100 <= placesPerAddressMax)
})

test('Q5: registered keys get a place whatever strangers do, and strangers get none of theirs', () => {
  const { enter, places, open } = countingPlaces(80)
  for (let i = 0; i < 500; i += 1) enter(`address ${i}`, (['idle', 'unproven', 'stranger', 'busy'] as const)[i % 4])
  assert.is(open.size, 70)
  for (let i = 0; i < 80; i += 1) assert.ok(enter(`peer ${i}`, 'registered'))
  assert.is(places.count('registered'), 80)
  assert.is(open.size, 80)
  assert.is(enter('late'), undefined)
})

test('Q6: the least useful connection of the address with the most places makes room', () => {
  const { enter, open, evicted } = countingPlaces(16)
  const honest = enter('honest')
  const session = enter('honest 2', 'stranger')
  const many = Array.from({ length: 12 }, () => enter('many'))
  assert.ok(enter('newcomer'))
  assert.equal(
    evicted.map(({ group }) => group),
    ['many'],
  )
  assert.not.ok(open.has(many[0]!))
  for (let i = 0; i < 20; i += 1) enter('many')
  assert.ok(open.has(session!), 'a session goes after idle connections')
  assert.ok(open.has(honest!), 'an address with one place goes last')
})

test('Q6: a closed connection leaves once', () => {
  const { places, enter } = countingPlaces(16)
  const place = enter('a')!
  assert.ok(places.leave(place))
  assert.not.ok(places.leave(place))
  places.change(place, 'busy')
  assert.is(places.count('busy'), 0)
})

test('Q7: the session of a stranger has an idle and a total bound', () => {
  assert.not.ok(isOverdue({ openedAt: 0, activeAt: 0 }, strangerIdleMsMax))
  assert.ok(isOverdue({ openedAt: 0, activeAt: 0 }, strangerIdleMsMax + 1))
  assert.not.ok(isOverdue({ openedAt: 0, activeAt: strangerMsMax }, strangerMsMax))
  assert.ok(isOverdue({ openedAt: 0, activeAt: strangerMsMax }, strangerMsMax + 1))
})

test('Q8: a full limit ends the oldest request of the address with the most', () => {
  const limit = new ConcurrencyLimit({ max: 4, perAddressMax: 3 })
  const ended: string[] = []
  const release = [1, 2, 3].map(n => limit.acquire('a', () => ended.push(`a${n}`)))
  assert.is(limit.acquire('a'), undefined)
  assert.ok(limit.acquire('b', () => ended.push('b')))
  assert.ok(limit.acquire('c', () => ended.push('c')))
  assert.equal(ended, ['a1'])
  release[0]!()
  assert.is(limit.inUse, 4)
  assert.is(limit.acquire('b'), undefined, 'both would have two then')
  assert.ok(limit.acquire(undefined, () => {}) === undefined || ended.length === 2)
})

test('Q10: lines of one code and address are limited, and counted', () => {
  const reported: LinesLeftOut[] = []
  let endWindow: () => void = () => {}
  let windows = 0
  const setTimer = (_ms: number, onTimeout: () => void) => {
    endWindow = onTimeout
    windows += 1
    return { restart() {}, stop() {} }
  }
  const log = new LogLimit({ onLeftOut: lines => reported.push(lines), setTimer })
  const passed = (code: string, address: string, times: number): number =>
    Array.from({ length: times }, () => log.passes(code, address)).filter(Boolean).length
  assert.is(passed('ERR_SYNC_FRAME', 'a', 100), logLinesPerClient)
  assert.is(passed('ERR_SYNC_FRAME', 'b', 1), 1)
  assert.is(passed('ERR_SYNC_AUTH', 'a', 1), 1)
  const others = Array.from({ length: 2 * logClientsMax }, (_, i) => passed('ERR_SYNC_LIMIT', `address ${i}`, 1))
  assert.is(others.filter(count => count > 0).length, logLinesPerCode)
  assert.equal(reported, [])
  endWindow()
  assert.equal(
    reported.map(({ code, count }) => [code, count]),
    [
      ['ERR_SYNC_FRAME', 100 - logLinesPerClient],
      ['ERR_SYNC_LIMIT', 2 * logClientsMax - logLinesPerCode],
    ],
  )
  assert.is(reported[0]!.address, 'a')
  assert.is(passed('ERR_SYNC_FRAME', 'a', 1), 1)
  endWindow()
  assert.equal([reported.length, windows], [2, 2], 'nothing to report')
})

test('Q10: an alarm about a session names its client', async () => {
  const alarms: string[] = []
  await using site = await serve({ onEvent: ({ kind, message }) => kind === 'alarm' && alarms.push(message) })
  for (let i = 0; i < 5; i += 1) {
    const client = await RawClient.ready(site.hub.url, keyOf('rude'))
    client.send({ t: 'hello' } as never)
    await client.closed
  }
  await site.hub.close()
  assert.is(alarms.length, logLinesPerClient + 1)
  assert.match(alarms[0]!, /^a session of 127\.0\.0\.1: /)
  assert.match(
    alarms.at(-1)!,
    /^3 more lines of this kind in the last minute: ERR_SYNC_\w+, most of them about 127\.0\.0\.1$/,
  )
})

test('Q11: requests of strangers work one at a time, round robin by address', async () => {
  const strangers = new StrangerWork()
  const order: string[] = []
  const scan = async (name: string, group: string): Promise<void> => {
    const work = strangers.begin(group)
    for (let i = 0; i < 3; i += 1) {
      await work.pause()
      order.push(name)
      work.end()
    }
  }
  await Promise.all([scan('a1', 'a'), scan('a2', 'a'), scan('a3', 'a'), scan('b', 'b')])
  assert.is(order.length, 12)
  assert.ok(order.lastIndexOf('b') < 7, `the other address has every second turn: ${order}`)
})

test('Q11: while registered sessions have work, requests of strangers’ sessions take turns and rest', async () => {
  const strangers = new StrangerWork()
  assert.not.ok(strangers.isContended)
  strangers.noteRegistered()
  assert.ok(strangers.isContended)
  let atOnce = 0
  const task = async (): Promise<void> => {
    atOnce += 1
    assert.is(atOnce, 1)
    await new Promise(setImmediate)
    atOnce -= 1
  }
  await Promise.all(Array.from({ length: 9 }, (_, i) => strangers.run(`address ${i % 3}`, task)))
  const failing = strangers.run('a', () => Promise.reject(new Error('damaged')))
  assert.is(await failing.catch((error: Error) => error.message), 'damaged')
  await strangers.run('a', task)
  skipTime(1_000)
  assert.not.ok(strangers.isContended)
})

test('Q12: an address without time left is told to come later, another is not', async () => {
  const strangers = new StrangerWork()
  const work = strangers.begin('a')
  await work.pause()
  skipTime(2 * workBurstMs)
  work.end()
  assert.throws(
    () => strangers.begin('a'),
    (error: { code?: string }) => error.code === 'ERR_HTTP_BUSY',
  )
  strangers.begin('b')
  strangers.begin(undefined)
  skipTime(2 * workPart * workBurstMs)
  strangers.begin('a')
})

test('Q11: a scan of many events leaves time between its turns', async () => {
  await using site = await serve({ notes: 300 })
  const pages = await Promise.all(
    Array.from({ length: 8 }, () => site.json(`/entries/${site.frontier}/events?kind=nothing.here`)),
  )
  assert.equal(
    pages.map(({ count, next_cursor }) => [count, next_cursor]),
    Array.from({ length: 8 }, () => [0, null]),
  )
  assert.is((await site.get(`/entries/${site.frontier}/events?limit=7`)).status, 200)
  assert.is((await site.get(`/entries/${site.frontier}/events?since=vev_0000000000000000`)).status, 400)
  assert.is(
    (await site.json(`/entries/${site.frontier}/events?limit=7`)).count,
    7,
    'a failed request gave its turn back',
  )
})

test('Q13: inputs of registered keys go first', async () => {
  const budget = new EventLoopBudget()
  budget.acquire()
  skipTime(1_000)
  const order: string[] = []
  const waiting = ['stranger', 'stranger', 'registered'].map(name =>
    budget.acquire({ first: name === 'registered' })!.then(() => order.push(name)),
  )
  await Promise.all(waiting)
  assert.equal(order, ['registered', 'stranger', 'stranger'])
})

async function nodesOf(site: Served): Promise<number> {
  return (await site.json(`/frontiers/${site.frontier}/heads`)).nodes
}

/** A hub, and a replica that is registered there and pushes to it. */
async function pusher(alarms: string[]) {
  const site = await serve({ onEvent: ({ kind, message }) => kind === 'alarm' && alarms.push(message) })
  const { hub, frontier } = site
  const replica = await Replica.open({ location: new MemoryStore(), hubId: 'hub:lab' })
  const { publicKey } = hub.replica.key
  await replica.registry(frontier).add({ id: 'hub:main', url: hub.url, publicKey })
  await replica.pull(frontier, 'hub:main')
  const registry = hub.replica.registry(frontier)
  await registry.add({ id: 'hub:lab', url: 'ws://127.0.0.1:9', publicKey: replica.key.publicKey })
  let count = 0
  const append = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += 1) {
      count += 1
      await replica.append(frontier, draft(`note ${count}`))
    }
  }
  const push = (): Promise<string> => codeOf(replica.push(frontier, 'hub:main'))
  const close = async (): Promise<void> => {
    await replica.close()
    await hub.close()
  }
  return { site, replica, registry, append, push, frontier, [Symbol.asyncDispose]: close }
}

test('Q14: a peer that pushes more than its limit is slowed and told so, and loses nothing', async () => {
  const alarms: string[] = []
  await using scene = await pusher(alarms)
  const { site, registry, append, push } = scene
  await append(30)
  assert.is(await push(), 'no error')
  assert.equal((await registry.set('hub:lab', { nodesPerMinute: 10 })).changed, true)
  assert.equal((await registry.set('hub:lab', { nodesPerMinute: 10 })).changed, false)
  await append(20)
  assert.is(await push(), 'no error', 'a burst')
  await append(1)
  assert.is(await push(), 'ERR_SYNC_BUSY')
  assert.is(await nodesOf(site), 51)
  assert.match(alarms[0]!, /^hub:lab is slowed: it pushed more than 10 nodes a minute to vfr_/)
  assert.match(await (await site.get('/metrics')).text(), /^replica_sessions_slowed_total 1$/m)
  skipTime(2 * 60_000)
  assert.is(await push(), 'no error')
  assert.is(await nodesOf(site), 52)
  await append(20)
  assert.is(await push(), 'no error')
  const { peer } = await registry.set('hub:lab', { nodesPerMinute: 'default' })
  assert.is(peer.nodesPerMinute, undefined)
  await append(1)
  assert.is(await push(), 'no error')
  const wrong = await registry.set('hub:lab', { nodesPerMinute: 0.5 }).catch((error: Error) => error)
  assert.instance(wrong, TypeError)
})

test('Q15: heads cost tokens, and joining them gives the tokens back', async () => {
  const port = { admit: async () => ({}) } as unknown as ReplicaPort
  const log = { headCount: 1 }
  const registry = { byKey: () => undefined }
  const slowed: string[] = []
  const quotas = new KeyQuotas({
    context: { frontier: () => ({ log, registry }) } as never,
    onExceeded: message => slowed.push(message),
  })
  const peer = { key: keyOf('peer').publicKeyBytes } as PeerIdentity
  const push = (heads: number): Promise<string> => {
    const limited = quotas.limiting({
      ...port,
      admit: async (...request) => {
        log.headCount += heads
        return port.admit(...request)
      },
    })
    return codeOf(limited.admit('vfr_1', [], peer))
  }
  assert.is(await push(newHeadsMax + 1), 'no error')
  assert.is(await push(0), 'ERR_SYNC_BUSY')
  assert.match(slowed[0]!, /more than 2048 new heads/)
  skipTime(60_000)
  assert.is(await push(-newHeadsMax), 'no error')
  assert.is(await push(newHeadsMax), 'no error')
})

test('Q17: a link that moves to another group shares the buffer of that group', async () => {
  await using loopback = await Loopback.listen()
  const group = new LinkGroup({ shareBytes: 1_048_576 })
  const first = await connect(loopback.url)
  const accepted = await loopback.accept()
  const second = await connect(loopback.url)
  const other = await loopback.accept()
  assert.is(group.bytesPerLink, 1_048_576)
  for (const { moveTo } of [accepted, other]) moveTo(group)
  assert.is(group.bytesPerLink, 524_288)
  first.link.close(1000, '')
  await accepted.link.next()
  assert.is(group.bytesPerLink, 1_048_576)
  accepted.moveTo(group)
  assert.is(group.bytesPerLink, 1_048_576, 'a closed link joins nothing')
  second.link.close(1000, '')
  await other.link.next()
})

test('behind a trusted proxy one client’s unproven connections are its own', async () => {
  await using site = await serve({ trustedProxies: ['127.0.0.1'] })
  const port = Number(new URL(site.base).port)
  const upgrade = request(
    'GET / HTTP/1.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: replica.sync.v1',
    'X-Forwarded-For: 203.0.113.9',
  ).replace('Connection: close\r\n', '')
  const sockets: net.Socket[] = []
  let closed = 0
  for (let i = 0; i < unprovenPerAddressMax + 4; i += 1) {
    const socket = net.connect(port, '127.0.0.1').on('close', () => {
      closed += 1
    })
    socket.on('error', () => {})
    socket.write(upgrade)
    await once(socket, 'data')
    sockets.push(socket)
  }
  const honest = await RawClient.ready(site.hub.url, keyOf('honest'))
  while (closed < 4) await once(sockets[closed]!, 'close')
  assert.is(closed, 4)
  honest.close()
  for (const socket of sockets) socket.destroy()
})

test('a session of a registered key is kept when its address has too many places', async () => {
  await using site = await serve()
  const key = keyOf('peer')
  await site.hub.replica
    .registry(site.frontier)
    .add({ id: 'hub:peer', url: 'ws://127.0.0.1:9', publicKey: toHex(key.publicKeyBytes) })
  const peer = await RawClient.ready(site.hub.url, key)
  const strangers = []
  for (let i = 0; i < strangersPerAddressMax + 2; i += 1)
    strangers.push(await RawClient.ready(site.hub.url, keyOf(`stranger ${i}`)))
  const ends = await Promise.all([strangers[0]!.closed, strangers[1]!.closed])
  assert.equal(
    ends.map(({ error }) => error),
    ['ERR_SYNC_BUSY', 'ERR_SYNC_BUSY'],
  )
  peer.send({ t: 'list' })
  await peer.next('frontiers')
  assert.match(await (await site.get('/metrics')).text(), /^replica_connections_closed_total 2$/m)
  for (const client of [peer, ...strangers]) client.terminate()
})

test.run()
