// Breaches that need a slow store, a clock, or a hub that is at fault: one side is the real exchange over an in-memory link,
// the other is driven by hand. Alarms ring when the test says so.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, type Digest, sha256, utf8 } from '../../src/base/bytes.ts'
import { SOCKET_LIMITS, WIRE_LIMITS } from '../../src/base/limits.ts'
import type { Admission } from '../../src/sync/connection.ts'
import type { Message, OpenedMessage } from '../../src/sync/message.ts'
import { memoryLinkPair } from '../../src/transport/link.ts'
import { type ReplicaPort, Session } from '../../src/transport/session.ts'
import { chain, circle, clientConfig, FRONTIER, hubConfig, introduce, type Local, local, node, plant } from './local.ts'
import { Alarms, RawPeer } from './raw-peer.ts'
import { openOf } from './session-parts.ts'

const test = suite('sync/violations-by-pipe')
const { creditNodes, creditBytes, wantsOutstandingMax, idsPerWantMax, wantsPerChannelMax } = WIRE_LIMITS
const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS

interface Stage {
  /** The real side. */
  readonly exchange: Session
  readonly raw: RawPeer
  readonly local: Local
  readonly alarms: Alarms
}

/** A real hub and a raw client, or a real client and a raw hub. */
async function stage(real: 'hub' | 'client', services: Partial<ReplicaPort> = {}): Promise<Stage> {
  const [client, hub] = await circle('laptop', 'main')
  const [local, other] = real === 'hub' ? [hub!, client!] : [client!, hub!]
  const [a, b] = memoryLinkPair()
  const alarms = new Alarms()
  const config = real === 'hub' ? hubConfig(local) : clientConfig(local, other)
  const exchange = new Session(a, config, { ...local.services, ...services }, { setTimer: alarms.set })
  const raw = new RawPeer(b, real === 'hub' ? clientConfig(other, local) : hubConfig(other))
  return { exchange, raw, local, alarms }
}

/** What ends the real side, and what it tells the other; nothing of it runs on. */
async function ends({ exchange, raw, alarms }: Stage, error: string, close: number): Promise<void> {
  const told = await raw.closed()
  const ended = await exchange.done.then(
    () => 'good order',
    (failure: { code: string }) => failure.code,
  )
  assert.equal({ ended, ...told }, { ended: error, error, close })
  assert.is(alarms.count, 0)
}

const madeUp = (name: string | number): Digest => sha256(utf8(`made up ${name}`))

function openedOf(heads: readonly Digest[], count = heads.length): OpenedMessage {
  const { frontier: _f, mode: _m, ...view } = openOf('pull', { heads, count })
  return { ...view, t: 'opened' }
}

function blocksOf(...nodes: readonly Uint8Array[]): Message {
  return { t: 'blocks', ch: 1, nodes }
}

// ## A store that doesn't keep up

const never: ReplicaPort['admit'] = () => new Promise<Admission>(() => {})

test('a client may send as many nodes as the credit, and one more ends the session', async () => {
  const at = await stage('hub', { admit: never })
  const { raw } = at
  await raw.ready()
  raw.send(openOf('push', { heads: [madeUp('head')], count: 5000 }))
  await raw.next('opened')
  raw.send(blocksOf(...Array.from({ length: creditNodes }, () => Uint8Array.of(1))))
  raw.send({ t: 'list' })
  await raw.next('frontiers')
  raw.send(blocksOf(Uint8Array.of(1)))
  assert.equal(await raw.closed(), { error: 'ERR_SYNC_CREDIT', close: 4429 })
})

test('a client may send as many bytes as the credit, and one more ends the session', async () => {
  const at = await stage('hub', { admit: never })
  const { raw } = at
  await raw.ready()
  raw.send(openOf('push', { heads: [madeUp('head')], count: 5000 }))
  await raw.next('opened')
  raw.send(blocksOf(Buffer.alloc(creditBytes / 2)))
  raw.send(blocksOf(Buffer.alloc(creditBytes / 2)))
  raw.send({ t: 'list' })
  await raw.next('frontiers')
  raw.send(blocksOf(Uint8Array.of(1)))
  assert.equal(await raw.closed(), { error: 'ERR_SYNC_CREDIT', close: 4429 })
})

test('a failing store ends the session with its code and without its text', async () => {
  const at = await stage('hub', { admit: () => Promise.reject(new Error('/secret/path is full')) })
  const { raw } = at
  await raw.ready()
  raw.send(openOf('push', { heads: [madeUp('head')] }))
  await raw.next('opened')
  raw.send(blocksOf(Uint8Array.of(1)))
  const { code, message } = await raw.next('error')
  assert.equal([code, /secret/.test(message)], ['ERR_INTERNAL', false])
  assert.is((await raw.closed()).close, 4500)
})

test('a thousand wants may be open at a hub, and one more ends the session', async () => {
  const at = await stage('hub', { fetch: () => new Promise(() => {}) })
  const { raw, local } = at
  await plant(local, chain(local.key, 'event', 1))
  await raw.ready()
  raw.send(openOf('pull'))
  await raw.next('end')
  for (let sent = 0; sent < wantsOutstandingMax; sent += idsPerWantMax) {
    raw.send({ t: 'want', ch: 1, ids: Array.from({ length: idsPerWantMax }, (_, i) => madeUp(sent + i)) })
  }
  raw.send({ t: 'list' })
  await raw.next('frontiers')
  raw.send({ t: 'want', ch: 1, ids: [madeUp('one more')] })
  assert.equal(await raw.closed(), { error: 'ERR_SYNC_LIMIT', close: 4413 })
})

test('ancestors without end are followed so far and no further', async () => {
  let next = 0
  const at = await stage('hub', {
    /** Every node is held for a parent that nobody has. */
    async admit(_frontier, blocks) {
      const held = blocks.map(({ digest }) => {
        next += 1
        const wait = { kind: 'parent' as const, id: madeUp(next) }
        return { digest, key: madeUp('key'), wait }
      })
      return { admitted: 0, known: 0, held, released: [], refused: [], documents: [] }
    },
  })
  const { raw } = at
  await raw.ready()
  raw.send(openOf('push', { heads: [madeUp('head')], count: 1_000_000 }))
  await raw.next('opened')
  let made = 0
  let acked = 0
  const feed = (async () => {
    for (;;) {
      for (; made - acked <= creditNodes - 256; made += 256) {
        const nodes = Array.from({ length: 256 }, (_, i) => utf8(`orphan ${made + i}`))
        raw.send({ t: 'blocks', ch: 1, nodes })
      }
      acked = (await raw.next('ack')).nodes
    }
  })()
  await feed.catch(() => {})
  await at.exchange.done.catch(() => {})
  assert.is(raw.said, 'ERR_SYNC_LIMIT')
  assert.ok(next > wantsPerChannelMax && next < wantsPerChannelMax + 3 * creditNodes, `${next} ancestors`)
})

// ## Clocks

test('a client that says nothing is let go when the handshake has had its time', async () => {
  const at = await stage('hub')
  at.alarms.ring(handshakeMsMax)
  await ends(at, 'ERR_SYNC_TIMEOUT', 4408)
})

test('a client that says hello and no more is let go as well', async () => {
  const at = await stage('hub')
  at.raw.hello()
  await at.raw.next('proof')
  at.alarms.ring(handshakeMsMax)
  await ends(at, 'ERR_SYNC_TIMEOUT', 4408)
})

test('a handshake in time stops its alarm', async () => {
  const at = await stage('hub')
  await at.raw.ready()
  await at.exchange.ready
  at.alarms.ring(handshakeMsMax)
  at.raw.send({ t: 'list' })
  await at.raw.next('frontiers')
  at.exchange.close()
  await at.exchange.done
  assert.is(at.alarms.count, 0)
})

test('a client that stalls in the middle of a pull is let go', async () => {
  const at = await stage('hub')
  await plant(at.local, chain(at.local.key, 'event', 3))
  await at.raw.ready()
  at.raw.send(openOf('pull'))
  await at.raw.next('end')
  at.alarms.ring(idleMsMax)
  await ends(at, 'ERR_SYNC_TIMEOUT', 4408)
})

test('silence is no fault while the own store is at work', async () => {
  let finish: (result: Admission) => void = () => {}
  const admission = new Promise<Admission>(resolve => {
    finish = resolve
  })
  const at = await stage('hub', { admit: () => admission })
  await at.raw.ready()
  at.raw.send(openOf('push', { heads: [madeUp('head')] }))
  await at.raw.next('opened')
  at.raw.send(blocksOf(Uint8Array.of(1)))
  at.raw.send({ t: 'list' })
  await at.raw.next('frontiers')
  at.alarms.ring(idleMsMax)
  finish({ admitted: 0, known: 1, held: [], released: [], refused: [], documents: [] })
  await at.raw.next('ack')
  at.alarms.ring(idleMsMax)
  await ends(at, 'ERR_SYNC_TIMEOUT', 4408)
})

test('a client that reads nothing is let go although the hub is in the middle of sending', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const [a, b] = memoryLinkPair()
  const alarms = new Alarms()
  const big = Buffer.alloc(900_000)
  const plan = {
    exact: true,
    next: async () => [],
    answer: () => {},
    rows: async () => ({ rows: [{ digest: madeUp('big'), bytes: big }], last: false }),
    close: async () => {},
  }
  const services = { ...hub!.services, plan: async () => plan }
  const exchange = new Session(a, hubConfig(hub!), services, { setTimer: alarms.set })
  const raw = await new RawPeer(b, clientConfig(client!, hub!)).ready()
  await plant(hub!, chain(hub!.key, 'event', 1))
  raw.send(openOf('pull'))
  while (a.buffered < 1_500_000) await new Promise(resolve => setImmediate(resolve))
  alarms.ring(idleMsMax)
  const failure = await exchange.done.catch((error: { code: string }) => error.code)
  assert.is(failure, 'ERR_SYNC_TIMEOUT')
  assert.ok(a.buffered <= 3_000_000, `${a.buffered} bytes`)
})

// ## A hub that is at fault

async function atFault(breach: (raw: RawPeer, at: Stage) => Promise<void> | void): Promise<Stage> {
  const at = await stage('client')
  await at.raw.ready()
  await at.exchange.ready
  const opening = at.exchange.open(FRONTIER, 'pull')
  opening.catch(() => {})
  await at.raw.next('open')
  await breach(at.raw, at)
  return at
}

test('a hub with another key than the client expects gets no proof of the client', async () => {
  const at = await stage('client')
  const raw = new RawPeer(at.raw.link, hubConfig((await circle('impostor'))[0]!))
  await raw.next('hello')
  raw.hello()
  assert.equal(await raw.closed(), { error: 'ERR_SYNC_AUTH', close: 4401 })
  assert.is(await at.exchange.ready.catch((error: { code: string }) => error.code), 'ERR_SYNC_AUTH')
})

test('a hub that can not prove the key gets no proof of the client', async () => {
  const at = await stage('client')
  const { raw } = at
  await raw.next('hello')
  raw.hello()
  raw.send({ t: 'proof', sig: Buffer.alloc(64, 1) })
  await ends(at, 'ERR_SYNC_AUTH', 4401)
})

test('a hub that opens a channel', async () => {
  await ends(await atFault(raw => raw.send(openOf('pull', { ch: 9 }))), 'ERR_SYNC_ORDER', 4409)
})

test('a hub that answers an open twice', async () => {
  const at = await atFault(raw => {
    raw.send(openedOf([madeUp('head')]))
    raw.send(openedOf([madeUp('head')]))
  })
  await ends(at, 'ERR_SYNC_ORDER', 4409)
})

test('a hub that closes a channel', async () => {
  await ends(await atFault(raw => raw.send({ t: 'close', ch: 1 })), 'ERR_SYNC_ORDER', 4409)
})

test('a hub that answers what was not asked', async () => {
  const peers: Message = { t: 'peers', frontier: FRONTIER, data: new Uint8Array(0) }
  await ends(await atFault(raw => raw.send(peers)), 'ERR_SYNC_ORDER', 4409)
})

test('a hub that asks a client for its frontiers', async () => {
  await ends(await atFault(raw => raw.send({ t: 'list' })), 'ERR_SYNC_ORDER', 4409)
})

test('a hub that sends blocks before it has answered', async () => {
  await ends(await atFault(raw => raw.send(blocksOf(Uint8Array.of(1)))), 'ERR_SYNC_UNSOLICITED', 4422)
})

test('a hub that wants nodes in a pull', async () => {
  const at = await atFault(raw => {
    raw.send(openedOf([madeUp('head')]))
    raw.send({ t: 'want', ch: 1, ids: [madeUp('id')] })
  })
  await ends(at, 'ERR_SYNC_ORDER', 4409)
})

test('a hub that lies about its heads', async () => {
  const heads = [madeUp('one'), madeUp('two')].sort(compare)
  const at = await atFault(async raw => {
    raw.send(openedOf(heads))
    raw.send({ t: 'end', ch: 1, seq: 2, digest: sha256(Buffer.concat(heads)), nodes: 0 })
    const { ids } = await raw.next('want')
    raw.send({ t: 'lack', ch: 1, ids: ids.slice(0, 1) })
  })
  await ends(at, 'ERR_SYNC_HEADS', 4424)
})

test('a hub that refuses the channel fails the call and not the session', async () => {
  const at = await stage('client')
  const { raw, exchange } = at
  await raw.ready()
  await exchange.ready
  const opening = exchange.open(FRONTIER, 'pull')
  await raw.next('open')
  raw.send({ t: 'error', ch: 1, code: 'ERR_SYNC_BUSY', message: 'later' })
  assert.is(await opening.catch((error: { code: string }) => error.code), 'ERR_SYNC_BUSY')
  const listing = exchange.list()
  await raw.next('list')
  raw.send({ t: 'frontiers', items: [] })
  assert.equal(await listing, [])
  exchange.close()
  await exchange.done
})

test('a hub that refuses a request fails the request and not the channels', async () => {
  const at = await stage('client')
  const { raw, exchange } = at
  await raw.ready()
  await exchange.ready
  const request = exchange.registry(FRONTIER)
  const opening = exchange.open(FRONTIER, 'pull')
  await raw.next('registry')
  await raw.next('open')
  raw.send({ t: 'error', ch: 0, code: 'ERR_SYNC_FORBIDDEN', message: 'no' })
  assert.is(await request.catch((error: { code: string }) => error.code), 'ERR_SYNC_FORBIDDEN')
  raw.send(openedOf([]))
  raw.send({ t: 'end', ch: 1, seq: 0, digest: sha256(new Uint8Array(0)), nodes: 0 })
  await raw.next('close')
  assert.is((await opening).sink?.result?.complete, true)
  exchange.close()
  await exchange.done
})

test('a hub that goes without a word fails the call', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const [a, b] = memoryLinkPair({ fate: (_frame, _from, index) => (index === 5 ? 'cut' : 'deliver') })
  const exchange = new Session(a, clientConfig(client!, hub!), client!.services)
  await new RawPeer(b, hubConfig(hub!)).ready()
  await exchange.ready
  const opening = exchange.open(FRONTIER, 'pull')
  exchange.list().catch(() => {})
  assert.is(await opening.catch((error: { code: string }) => error.code), 'ERR_SYNC_CLOSED')
  assert.is(await exchange.done.catch((error: { code: string }) => error.code), 'ERR_SYNC_CLOSED')
})

// ## Misuse by the caller

test('a call before the session is ready, or by a hub, is a mistake of the caller alone', async () => {
  const at = await stage('client')
  const mistake = (task: Promise<unknown>): Promise<string> => task.then(String, (error: Error) => error.name)
  assert.is(await mistake(at.exchange.open(FRONTIER, 'pull')), 'TypeError')
  await at.raw.ready()
  await at.exchange.ready
  const first = at.exchange.list()
  assert.is(await mistake(at.exchange.list()), 'TypeError')
  await at.raw.next('list')
  at.raw.send({ t: 'frontiers', items: [] })
  assert.equal(await first, [])
  at.exchange.close()
  await at.exchange.done
  assert.is(await mistake(at.exchange.list()), 'ReplicaError')
})

test('two channels opened at once are two channels', async () => {
  const frontiers = [FRONTIER, 'vfr_00000000000000bb']
  const client = await local('laptop', { frontiers })
  const hub = await local('main', { frontiers })
  await introduce(client, hub)
  await plant(hub, [node(hub.key, 'one')])
  const [a, b] = memoryLinkPair()
  const exchange = new Session(a, clientConfig(client, hub), client.services)
  const served = new Session(b, hubConfig(hub), hub.services)
  await exchange.ready
  const channels = await Promise.all(frontiers.map(frontier => exchange.open(frontier, 'pull')))
  assert.equal(
    channels.map(channel => [channel.ch, channel.sink?.result?.admitted]),
    [
      [1, 1],
      [2, 0],
    ],
  )
  exchange.close()
  await Promise.all([exchange.done, served.done])
})

test.run()
