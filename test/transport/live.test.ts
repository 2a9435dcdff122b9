// Live channels over real sockets: both directions at once, forwarding, stopping, going away, silence, and a subscriber that
// doesn't read.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SOCKET_LIMITS, WIRE_LIMITS } from '../../src/base/limits.ts'
import { Deferred } from '../../src/base/mutex.ts'
import { type Link, memoryLinkPair } from '../../src/transport/link.ts'
import { type LiveRound, Session } from '../../src/transport/session.ts'
import {
  chain,
  circle,
  clientConfig,
  FRONTIER,
  hubConfig,
  introduce,
  keyOf,
  type Local,
  local,
  logOf,
  plant,
} from '../sync/local.ts'
import { Alarms, RawPeer } from '../sync/raw-peer.ts'
import { openOf } from '../sync/session-parts.ts'
import { areEqual, join, write } from './live-scene.ts'
import { Loopback, until } from './loopback.ts'

const test = suite('transport/live')
const { idleMsMax, outboundBytesMax } = SOCKET_LIMITS
const { creditBytes } = WIRE_LIMITS

const code = (error: { code?: string }): string => error.code ?? String(error)

async function two(): Promise<[client: Local, hub: Local]> {
  const [client, hub] = await circle('laptop', 'main')
  return [client!, hub!]
}

test('two replicas that write 500 events each at once end equal, and each event crosses the link once', async () => {
  await using loopback = await Loopback.listen()
  const [client, hub] = await two()
  const { dialled, served } = await join(loopback, client, hub)
  const rounds: LiveRound[] = []
  const live = dialled.live(FRONTIER, 'both', { onRound: round => rounds.push(round) })
  await live.caughtUp
  await Promise.all([write(client, 'on the laptop', 500), write(hub, 'on the hub', 500)])
  await until(() => areEqual(1000, client, hub))
  const channel = await live.stop()
  assert.is(channel.phase, 'done')
  const { sentNodes, receivedNodes } = dialled.stats
  assert.equal([sentNodes, receivedNodes], [500, 500])
  const sum = (direction: string): number =>
    rounds.reduce((total, round) => total + (round.direction === direction ? round.nodes : 0), 0)
  assert.equal([sum('out'), sum('in')], [500, 500])
  assert.ok(rounds.every(({ tally }) => tally.heldCount + tally.refusedCount === 0))
  dialled.close()
  await Promise.all([dialled.done, served.done])
})

test('replicas in a line forward what they admit, whoever made it, once per link', async () => {
  await using loopback = await Loopback.listen()
  const [a, b, c] = (await circle('one', 'two', 'three')) as [Local, Local, Local]
  const links = [await join(loopback, a, b), await join(loopback, c, b)]
  const channels = links.map(({ dialled }) => dialled.live(FRONTIER, 'both'))
  await Promise.all(channels.map(channel => channel.caughtUp))
  await Promise.all([a, b, c].map(at => write(at, `at ${at.name}`, 20)))
  await until(() => areEqual(60, a, b, c))
  await Promise.all(channels.map(channel => channel.stop()))
  for (const { dialled, served } of links) {
    assert.is(dialled.stats.sentNodes + dialled.stats.receivedNodes, 60)
    dialled.close()
    await Promise.all([dialled.done, served.done])
  }
})

test('in a ring of three each event crosses a link at most twice, and comes to rest', async () => {
  await using loopback = await Loopback.listen()
  const all = (await circle('one', 'two', 'three')) as [Local, Local, Local]
  const [a, b, c] = all
  const links = [await join(loopback, a, b), await join(loopback, b, c), await join(loopback, c, a)]
  const channels = links.map(({ dialled }) => dialled.live(FRONTIER, 'both'))
  await Promise.all(channels.map(channel => channel.caughtUp))
  await Promise.all(all.map(at => write(at, `at ${at.name}`, 20)))
  await until(() => areEqual(60, a, b, c))
  await Promise.all(channels.map(channel => channel.stop()))
  for (const { dialled, served } of links) {
    const { sentNodes, receivedNodes } = dialled.stats
    assert.ok(sentNodes <= 60 && receivedNodes <= 60, `${sentNodes} out, ${receivedNodes} in`)
    dialled.close()
    await Promise.all([dialled.done, served.done])
  }
})

test('an event made while the first sync runs is neither lost nor sent twice', async () => {
  await using loopback = await Loopback.listen()
  const [client, hub] = await two()
  await plant(hub, chain(keyOf('main'), 'event', 1500))
  const gate = new Deferred<void>()
  const { dialled, served } = await join(loopback, client, hub, {
    services: {
      client: {
        async admit(...args) {
          await gate.promise
          return client.services.admit(...args)
        },
      },
    },
  })
  const live = dialled.live(FRONTIER, 'both')
  await until(() => dialled.stats.receivedNodes > 0)
  await write(hub, 'meanwhile on the hub', 10)
  await write(client, 'meanwhile on the laptop', 10)
  gate.resolve()
  const { sink } = await live.caughtUp
  assert.is(sink?.result?.admitted, 1500)
  await until(() => areEqual(1520, client, hub))
  await live.stop()
  assert.equal([dialled.stats.sentNodes, dialled.stats.receivedNodes], [10, 1510])
  dialled.close()
  await Promise.all([dialled.done, served.done])
})

test('a channel that is stopped and opened again goes on where it was, for one round trip', async () => {
  await using loopback = await Loopback.listen()
  const [client, hub] = await two()
  const { dialled, served } = await join(loopback, client, hub)
  const first = dialled.live(FRONTIER, 'both')
  await first.caughtUp
  const writing = write(hub, 'event', 50)
  await until(() => logOf(client).nodes > 10)
  await first.stop()
  await writing
  const second = dialled.live(FRONTIER, 'both')
  await second.caughtUp
  await until(() => areEqual(50, client, hub))
  assert.is(dialled.stats.receivedNodes, 50)
  await second.stop()
  const { sentFrames } = served.stats
  const third = await dialled.live(FRONTIER, 'both').stop()
  assert.is(third.mine?.cursor?.seq, 50)
  assert.is(served.stats.sentFrames - sentFrames, 4) // opened, end, report, stop
  dialled.close()
  await Promise.all([dialled.done, served.done])
})

test('nobody listens to a log any more when a channel is over, however it ended', async () => {
  for (const how of ['stopped', 'cut', 'closed', 'going away'] as const) {
    const [client, hub] = await two()
    const [a, b] = memoryLinkPair()
    let listening = 0
    let listened = 0
    const counted = (at: Local): Local['services'] => ({
      ...at.services,
      async subscribe(...args) {
        const end = await at.services.subscribe(...args)
        listening += 1
        listened += 1
        return () => {
          listening -= 1
          end()
        }
      },
    })
    const dialled = new Session(a, clientConfig(client, hub), counted(client))
    const served = new Session(b, hubConfig(hub), counted(hub))
    await dialled.ready
    const live = dialled.live(FRONTIER, 'both')
    await live.caughtUp
    await until(() => listening === 2)
    if (how === 'stopped') await live.stop()
    else if (how === 'cut') a.close(1006, '')
    else if (how === 'closed') dialled.close()
    else served.goAway()
    if (how === 'stopped') dialled.close()
    await Promise.allSettled([dialled.done, served.done])
    await live.done.catch(() => {})
    assert.equal([listened, listening], [2, 0], how)
  }
})

test('a hub that goes away in the middle of a round makes it durable, reports it, and closes with 1001', async () => {
  const [client, hub] = await two()
  const [a, b] = memoryLinkPair()
  const gate = new Deferred<void>()
  const admitting = new Deferred<void>()
  const dialled = new Session(a, clientConfig(client, hub), client.services)
  const served = new Session(b, hubConfig(hub), {
    ...hub.services,
    async admit(...args) {
      admitting.resolve()
      await gate.promise
      return hub.services.admit(...args)
    },
  })
  await dialled.ready
  const rounds: LiveRound[] = []
  const live = dialled.live(FRONTIER, 'push', { onRound: round => rounds.push(round) })
  await live.caughtUp
  await write(client, 'event', 1)
  await admitting.promise
  served.goAway()
  gate.resolve()
  await Promise.all([served.done, dialled.done])
  assert.is(await live.done.catch(code), 'ERR_SYNC_CLOSED')
  assert.is(logOf(hub).nodes, 1)
})

test('a channel is stopped by either side whose registry changes, and opened again by whoever wants it', async () => {
  for (const side of ['client', 'hub'] as const) {
    const [client, hub] = await two()
    const [a, b] = memoryLinkPair()
    const dialled = new Session(a, clientConfig(client, hub), client.services)
    const served = new Session(b, hubConfig(hub), hub.services)
    await dialled.ready
    const live = dialled.live(FRONTIER, 'both')
    await live.caughtUp
    await introduce(side === 'hub' ? hub : client, await local('late'))
    assert.is((await live.done).phase, 'done')
    const again = dialled.live(FRONTIER, 'both')
    await again.caughtUp
    await write(hub, 'event', 1)
    await until(() => areEqual(1, client, hub))
    await again.stop()
    dialled.close()
    await Promise.all([dialled.done, served.done])
  }
})

test('a hub without live channels is not asked for one', async () => {
  const [client, hub] = await two()
  const [a, b] = memoryLinkPair()
  const dialled = new Session(a, clientConfig(client, hub), client.services)
  await new RawPeer(b, hubConfig(hub)).ready() // has no capability
  await dialled.ready
  const live = dialled.live(FRONTIER, 'pull')
  assert.equal([await live.caughtUp.catch(code), await live.done.catch(code)], ['ERR_SYNC_VERSION', 'ERR_SYNC_VERSION'])
  dialled.close()
  await dialled.done
})

test('silence on a live channel is no fault, but a report that is owed and doesn’t come is', async () => {
  const [client, hub] = await two()
  const [a, b] = memoryLinkPair()
  const alarms = new Alarms()
  const served = new Session(a, hubConfig(hub), hub.services, { setTimer: alarms.set })
  const raw = await new RawPeer(b, clientConfig(client, hub)).ready()
  raw.send(openOf('pull', { live: true }))
  const end = await raw.next('end')
  const nothing = { held: [], heldCount: 0, refused: [], refusedCount: 0, admitted: 0, known: 0, complete: true }
  raw.send({ t: 'report', ch: 1, ...nothing, count: 0, digest: end.digest })
  raw.send({ t: 'list' })
  await raw.next('frontiers')
  alarms.ring(idleMsMax)
  await write(hub, 'event', 1)
  await raw.next('end')
  alarms.ring(idleMsMax)
  assert.is(await served.done.catch(code), 'ERR_SYNC_TIMEOUT')
})

/** The same link, whose reader stops at a closed gate. */
function gated(link: Link, gate: { open: Promise<void> }): Link {
  return {
    remote: link.remote,
    get buffered() {
      return link.buffered
    },
    get receivedBytes() {
      return link.receivedBytes
    },
    isBackedUp: false,
    send: frame => link.send(frame),
    drained: () => link.drained(),
    async next() {
      await gate.open
      return link.next()
    },
    close: (closeCode, reason) => link.close(closeCode, reason),
  }
}

test('a subscriber that stops reading costs the outbound buffer, slows nobody, and gets everything later', async () => {
  await using loopback = await Loopback.listen()
  const [client, hub, reader] = (await circle('laptop', 'main', 'reader')) as [Local, Local, Local]
  const { near, far } = await loopback.pair()
  const gate = { open: Promise.resolve() }
  const served = new Session(far.link, hubConfig(hub, { host: far.host }), hub.services)
  const config = clientConfig(reader, hub, { host: near.host })
  const reading = new Session(gated(near.link, gate), config, reader.services)
  await reading.ready
  const slow = reading.live(FRONTIER, 'pull')
  const other = await join(loopback, client, hub)
  const live = other.dialled.live(FRONTIER, 'pull')
  await Promise.all([slow.caughtUp, live.caughtUp])
  const stop = new Deferred<void>()
  gate.open = stop.promise
  let highest = 0
  for (let i = 1; i <= 40; i += 1) {
    await write(hub, `event ${i}`, 5, 40_000)
    highest = Math.max(highest, far.link.buffered)
    await until(() => logOf(client).nodes === i * 5) // the one that reads has all, whatever the other does
  }
  assert.ok(logOf(reader).nodes < 100, `${logOf(reader).nodes} nodes came to the reader`)
  assert.ok(highest <= outboundBytesMax, `${highest} bytes buffered`)
  assert.ok(served.stats.sentBytes <= 2 * creditBytes, `${served.stats.sentBytes} bytes sent`)
  stop.resolve()
  await until(() => areEqual(200, hub, reader))
  assert.is(served.stats.sentNodes, 200)
  await Promise.all([slow.stop(), live.stop()])
  reading.close()
  other.dialled.close()
  await Promise.all([reading.done, served.done, other.dialled.done, other.served.done])
})

test.run()
