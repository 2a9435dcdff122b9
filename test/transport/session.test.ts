// What an exchange does around the protocol: going away, giving up, letting go of the store, counting, and staying small
// before a client that doesn't read.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, utf8 } from '../../src/base/bytes.ts'
import { SOCKET_LIMITS, WIRE_LIMITS } from '../../src/base/limits.ts'
import { Deferred } from '../../src/base/mutex.ts'
import { FRAME_FILL_BYTES } from '../../src/sync/frame-packing.ts'
import { type Link, memoryLinkPair } from '../../src/transport/link.ts'
import { type ReplicaPort, type SendPlan, Session } from '../../src/transport/session.ts'
import { connect } from '../../src/transport/websocket-link.ts'
import { chain, circle, clientConfig, FRONTIER, hubConfig, keyOf, type Local, logOf, plant } from '../sync/local.ts'
import { RawClient } from '../sync/raw-client.ts'
import { Alarms, RawPeer } from '../sync/raw-peer.ts'
import { openOf } from '../sync/session-parts.ts'
import { Loopback, until } from './loopback.ts'

const test = suite('transport/session')

interface Pair {
  readonly client: Local
  readonly hub: Local
  readonly dialled: Session
  readonly served: Session
}

/** Two replicas in a session, the hub with a chain of nodes. */
async function pair(
  nodes: number,
  options: { signal?: AbortSignal; services?: Partial<ReplicaPort> } = {},
): Promise<Pair> {
  const [client, hub] = await circle('laptop', 'main')
  await plant(hub!, chain(keyOf('main'), 'event', nodes))
  const [a, b] = memoryLinkPair()
  const { signal } = options
  const services = { ...client!.services, ...options.services }
  const dialled = new Session(a, clientConfig(client!, hub!), services, { signal })
  const served = new Session(b, hubConfig(hub!), hub!.services)
  await dialled.ready
  return { client: client!, hub: hub!, dialled, served }
}

const code = (error: { code?: string }): string => error.code ?? String(error)

test('both ends count the same traffic, and progress is told with each chunk', async () => {
  const [client, hub] = await circle('laptop', 'main')
  await plant(hub!, chain(keyOf('main'), 'event', 600))
  const [a, b] = memoryLinkPair()
  const seen: number[] = []
  const dialled = new Session(a, clientConfig(client!, hub!), client!.services, {
    onProgress: ({ admittedNodes }) => seen.push(admittedNodes),
  })
  const acked: number[] = []
  const served = new Session(b, hubConfig(hub!), hub!.services, { onProgress: sent => acked.push(sent.ackedNodes) })
  await dialled.ready
  await dialled.open(FRONTIER, 'pull')
  dialled.close()
  await Promise.all([dialled.done, served.done])
  const { stats } = dialled
  assert.equal([stats.receivedNodes, served.stats.sentNodes, seen.at(-1)], [600, 600, 600])
  assert.equal([stats.verifiedNodes, acked.at(-1)], [600, 600])
  assert.equal([stats.sentBytes, stats.receivedBytes], [served.stats.receivedBytes, served.stats.sentBytes])
  assert.equal([stats.sentFrames, stats.receivedFrames], [served.stats.receivedFrames, served.stats.sentFrames])
})

test('a hub that goes away lets admission come to its end, acks it, and closes with 1001', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const [a, b] = memoryLinkPair()
  const gate = new Deferred<void>()
  const services: ReplicaPort = {
    ...hub!.services,
    async admit(...args) {
      await gate.promise
      return hub!.services.admit(...args)
    },
  }
  const served = new Session(a, hubConfig(hub!), services)
  const raw = await new RawPeer(b, clientConfig(client!, hub!)).ready()
  const nodes = chain(client!.key, 'event', 2)
  raw.send(openOf('push', { heads: [nodes[1]!.digest], count: 2 }))
  await raw.next('opened')
  raw.send({ t: 'blocks', ch: 1, nodes: nodes.map(({ bytes }) => bytes) })
  raw.send({ t: 'list' })
  await raw.next('frontiers')
  served.goAway()
  gate.resolve()
  assert.is((await raw.next('ack')).nodes, 2)
  assert.is(await raw.link.next(), undefined)
  await served.done
  assert.is(logOf(hub!).nodes, 2)
})

test('a hub that goes away with nothing to do is gone at once', async () => {
  const { dialled, served } = await pair(0)
  served.goAway()
  await Promise.all([dialled.done, served.done])
  assert.is(await dialled.list().catch(code), 'ERR_SYNC_CLOSED')
})

test('a session that is given up ends with ERR_ABORTED here and in good order there', async () => {
  const stop = new AbortController()
  const { dialled, served } = await pair(3, { signal: stop.signal })
  const opening = dialled.open(FRONTIER, 'pull')
  stop.abort()
  assert.is(await opening.catch(code), 'ERR_ABORTED')
  assert.is(await dialled.done.catch(code), 'ERR_ABORTED')
  await served.done
})

test('a session given up before it began says nothing at all', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const [a, b] = memoryLinkPair()
  const options = { signal: AbortSignal.abort() }
  const dialled = new Session(a, clientConfig(client!, hub!), client!.services, options)
  assert.is(await dialled.ready.catch(code), 'ERR_ABORTED')
  assert.is(await b.next(), undefined)
})

test('a session is over only when what it started in the store is', async () => {
  const gate = new Deferred<void>()
  let isDone = false
  const admitting = new Deferred<void>()
  const { client, dialled } = await pair(3, {
    services: {
      async admit(...args) {
        admitting.resolve()
        await gate.promise
        return client.services.admit(...args)
      },
    },
  })
  dialled.open(FRONTIER, 'pull').catch(() => {})
  const done = dialled.done.then(() => {
    isDone = true
  })
  await admitting.promise
  dialled.close()
  for (let i = 0; i < 20; i += 1) await new Promise(resolve => setImmediate(resolve))
  assert.is(isDone, false)
  gate.resolve()
  await done
  assert.is(logOf(client).nodes, 3)
})

test('while a sink takes nothing more, nothing of the store stays open for it', async () => {
  const [client, hub] = await circle('laptop', 'main')
  await plant(hub!, chain(keyOf('main'), 'event', 2 * WIRE_LIMITS.creditNodes))
  const log = logOf(hub!)
  const scan = log.scan.bind(log)
  let [scans, open] = [0, 0]
  log.scan = async function* (options) {
    scans += 1
    open += 1
    try {
      yield* scan(options)
    } finally {
      open -= 1
    }
  }
  const [a, b] = memoryLinkPair()
  const served = new Session(a, hubConfig(hub!), hub!.services)
  const raw = await new RawPeer(b, clientConfig(client!, hub!)).ready()
  raw.send(openOf('pull'))
  const { creditNodes, creditBytes } = WIRE_LIMITS
  for (let [nodes, bytes] = [0, 0]; nodes < creditNodes && bytes < creditBytes - FRAME_FILL_BYTES; ) {
    const frame = await raw.next('blocks')
    nodes += frame.nodes.length
    for (const { length } of frame.nodes) bytes += length
  }
  raw.send({ t: 'list' })
  await raw.next('frontiers')
  assert.ok(scans > 0)
  assert.is(open, 0)
  raw.link.close(1000, '')
  await served.done.catch(() => {})
})

test('a search for the difference is told when nobody wants it any more', async () => {
  const [client, hub] = await circle('laptop', 'main')
  await plant(hub!, chain(keyOf('main'), 'event', 1))
  const [a, b] = memoryLinkPair()
  const searching = new Deferred<AbortSignal>()
  const services: ReplicaPort = {
    ...hub!.services,
    plan: (_request, { signal }) => {
      searching.resolve(signal)
      return new Promise<SendPlan>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new TypeError('given up')))
      })
    },
  }
  const served = new Session(a, hubConfig(hub!), services)
  const raw = await new RawPeer(b, clientConfig(client!, hub!)).ready()
  raw.send(openOf('pull'))
  const signal = await searching.promise
  served.close()
  await served.done
  assert.ok(signal.aborted)
})

/** A hub's end of a real connection, with these services, and a raw client at the other. */
async function overSocket(
  loopback: Loopback,
  services: (hub: Local) => ReplicaPort,
): Promise<{ raw: RawClient; served: Session; link: Link; buffered: () => number; alarms: Alarms }> {
  const [client, hub] = await circle('laptop', 'main')
  const [raw, dialled] = await Promise.all([RawClient.connect(loopback.url, client!.key), loopback.accept()])
  const config = hubConfig(hub!, { host: dialled.host })
  const alarms = new Alarms()
  const served = new Session(dialled.link, config, services(hub!), { setTimer: alarms.set })
  await raw.greet()
  raw.prove()
  await served.ready
  const { link } = dialled
  return { raw, served, link, buffered: () => link.buffered, alarms }
}

const batch = 256 * 1024
const { creditBytes, channelsMax } = WIRE_LIMITS
const { outboundBytesMax, idleMsMax } = SOCKET_LIMITS

/** A plan of nodes without end, and how many bytes of them were read. */
function endless(hub: Local): { services: ReplicaPort; read: () => number } {
  let read = 0
  const node = Buffer.alloc(1024)
  const digest = sha256(utf8('a node'))
  const plan: SendPlan = {
    exact: true,
    next: async () => [],
    answer: () => {},
    async rows() {
      read += batch
      const row = { digest, bytes: node }
      return { rows: Array.from({ length: batch / node.length }, () => row), last: false }
    },
  }
  const view: ReplicaPort['view'] = async (frontier, peer) => ({
    ...(await hub.services.view(frontier, peer))!,
    count: 1_000_000,
    heads: [digest],
    digest: sha256(digest),
  })
  return { services: { ...hub.services, view, plan: async () => plan }, read: () => read }
}

test('a client that stops reading costs the hub its credit and a batch, then is let go', async () => {
  await using loopback = await Loopback.listen()
  let read = (): number => 0
  const { raw, served, buffered, alarms } = await overSocket(loopback, hub => {
    const made = endless(hub)
    read = made.read
    return made.services
  })
  raw.pause()
  raw.send(openOf('pull'))
  await quiet(read)
  assert.ok(read() <= creditBytes + 2 * batch, `${read()} bytes read`)
  assert.ok(buffered() <= outboundBytesMax, `${buffered()} bytes buffered`)
  alarms.ring(idleMsMax)
  assert.is(await served.done.catch(code), 'ERR_SYNC_TIMEOUT')
  raw.terminate()
})

test('a message that is still coming keeps a session, however long it takes; silence in the middle of it does not', async () => {
  await using loopback = await Loopback.listen()
  const { raw, served, link, alarms } = await overSocket(loopback, hub => hub.services)
  raw.send(openOf('push', { heads: [sha256(utf8('a node'))], count: 1 }))
  await raw.next('opened')
  for (let part = 0; part < 3; part += 1) {
    const before = link.receivedBytes
    raw.sendPart(Buffer.alloc(100))
    await until(() => link.receivedBytes >= before + 100)
    alarms.ring(idleMsMax)
  }
  let failure: string | undefined
  served.done.catch(error => {
    failure = code(error)
  })
  await turns(50)
  assert.is(failure, undefined)
  alarms.ring(idleMsMax)
  await until(() => failure !== undefined)
  assert.is(failure, 'ERR_SYNC_TIMEOUT')
  raw.terminate()
})

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(resolve => setImmediate(resolve))
}

test('a client that acks without reading is sent no more than the outbound buffer', async () => {
  await using loopback = await Loopback.listen()
  let read = (): number => 0
  const { raw, served, buffered } = await overSocket(loopback, hub => {
    const made = endless(hub)
    read = made.read
    return made.services
  })
  raw.pause()
  raw.send(openOf('pull'))
  let highest = 0
  let acked = 0
  for (let round = 0; round < 40; round += 1) {
    await quiet(read, 300)
    highest = Math.max(highest, buffered())
    acked = served.stats.sentNodes
    raw.send({ t: 'ack', ch: 1, nodes: acked, bytes: acked * 1024 })
  }
  assert.ok(highest <= outboundBytesMax, `${highest} bytes buffered`)
  assert.ok(read() < 20 * outboundBytesMax, `${read()} bytes read`)
  raw.terminate()
  await served.done.catch(code)
})

test('a client that opens many channels and reads none of them costs no more than one that opens one', async () => {
  await using loopback = await Loopback.listen()
  let read = (): number => 0
  const { raw, served, buffered } = await overSocket(loopback, hub => {
    const made = endless(hub)
    read = made.read
    const view: ReplicaPort['view'] = (_frontier, peer) => made.services.view(FRONTIER, peer)
    return { ...made.services, view }
  })
  raw.pause()
  for (let ch = 1; ch <= channelsMax; ch += 1) {
    raw.send(openOf('pull', { ch, frontier: `vfr_${String(ch).padStart(16, '0')}` }))
  }
  await quiet(read)
  assert.ok(buffered() <= outboundBytesMax, `${buffered()} bytes buffered`)
  raw.terminate()
  await served.done.catch(code)
})

test('a client that asks and asks and never reads the answers is not read any more', async () => {
  await using loopback = await Loopback.listen()
  let asked = 0
  const data = Buffer.alloc(100_000)
  const { raw, served, buffered } = await overSocket(loopback, hub => ({
    ...hub.services,
    async registry() {
      asked += 1
      return data
    },
  }))
  raw.pause()
  for (let i = 0; i < 500; i += 1) raw.send({ t: 'registry', frontier: FRONTIER })
  await quiet(() => asked)
  assert.ok(asked < 250, `${asked} of 500 questions answered`)
  assert.ok(buffered() <= outboundBytesMax, `${buffered()} bytes buffered`)
  raw.resume()
  await until(() => asked === 500)
  raw.close()
  await served.done
})

/** Waits until a number has not moved for so many turns of the event loop. */
async function quiet(value: () => number, turns = 2000): Promise<void> {
  for (let still = 0, last = value(); still < turns; still += 1) {
    await new Promise(resolve => setImmediate(resolve))
    if (value() !== last) still = 0
    last = value()
  }
}

test('a client that reads slowly gets everything', async () => {
  await using loopback = await Loopback.listen()
  const [client, hub] = await circle('laptop', 'main')
  await plant(hub!, chain(keyOf('main'), 'event', 3000))
  const [near, far] = await Promise.all([connect(loopback.url), loopback.accept()])
  const served = new Session(far.link, hubConfig(hub!, { host: far.host }), hub!.services)
  const slow: ReplicaPort = {
    ...client!.services,
    async admit(...args) {
      for (let i = 0; i < 50; i += 1) await new Promise(resolve => setImmediate(resolve))
      return client!.services.admit(...args)
    },
  }
  const dialled = new Session(near.link, clientConfig(client!, hub!, { host: near.host }), slow)
  await dialled.ready
  const channel = await dialled.open(FRONTIER, 'pull')
  assert.is(channel.sink?.result?.admitted, 3000)
  dialled.close()
  await Promise.all([dialled.done, served.done])
})

test.run()
