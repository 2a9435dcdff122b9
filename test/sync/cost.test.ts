// What a session costs in frames, bytes and round trips, by how the two sides differ. All counts are exact: the same every
// time. No node is ever sent to a side that stores it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chain, circle, introduce, keyOf, type Local, local, logOf, type Made, node, plant } from './local.ts'
import { type Meeting, type Met, meet, Tape, wantsNothingTwice } from './meeting.ts'

const test = suite('sync/cost')

/** Frames and bytes of the handshake, both ways; it is one round trip. */
const HANDSHAKE = { frames: 4, bytes: 512, trips: 1 }

/** Two flows at once count their messages as turns of one conversation. */
const TRIPS = { pull: 1, push: 2, both: 3 }

async function taped(meeting: Omit<Meeting, 'fate' | 'wrap'>): Promise<{ tape: Tape; met: Met; trips: number }> {
  const tape = new Tape()
  const met = await meet({ ...meeting, fate: tape.fate, wrap: wantsNothingTwice })
  assert.equal(met.errors, [])
  return { tape, met, trips: met.stats.roundTrips - HANDSHAKE.trips }
}

function equalHeads(a: Local, b: Local): void {
  assert.equal(logOf(a).heads(), logOf(b).heads())
  assert.is(logOf(a).nodes, logOf(b).nodes)
}

/** A chain at both, as far as each is said to have it. */
async function lined(clientNodes: number, hubNodes: number): Promise<{ client: Local; hub: Local }> {
  const [client, hub] = await circle('laptop', 'main')
  const nodes = chain(keyOf('main'), 'event', Math.max(clientNodes, hubNodes))
  await plant(client!, nodes.slice(0, clientNodes))
  await plant(hub!, nodes.slice(0, hubNodes))
  return { client: client!, hub: hub! }
}

test('equal heads cost one round trip after the handshake and no node, whatever the mode', async () => {
  for (const mode of ['pull', 'push', 'both'] as const) {
    const sides = await lined(100, 100)
    const { tape, trips } = await taped({ ...sides, mode })
    assert.is(tape.nodes, 0, mode)
    assert.ok(trips <= TRIPS[mode], `${mode}: ${trips} round trips`)
    assert.ok(tape.bytes - HANDSHAKE.bytes < 1000, `${mode}: ${tape.bytes} bytes`)
  }
})

test('an empty side gets everything in one round trip, a handful of frames and little besides the nodes', async () => {
  const sides = await lined(0, 1000)
  const { tape, trips, met } = await taped({ ...sides, mode: 'pull' })
  equalHeads(sides.client, sides.hub)
  assert.equal([tape.nodes, met.channel?.sink?.result?.admitted], [1000, 1000])
  assert.is(tape.count('offer'), 0)
  assert.is(trips, 1)
  assert.ok(tape.overhead < 6000, `${tape.overhead} bytes besides the nodes`)
})

test('a side that is strictly behind gets what it lacks in one round trip and under 100 bytes for finding it', async () => {
  const sides = await lined(990, 1000)
  const equal = await taped({ ...(await lined(1000, 1000)), mode: 'pull' })
  const { tape, trips } = await taped({ ...sides, mode: 'pull' })
  equalHeads(sides.client, sides.hub)
  assert.is(tape.nodes, 10)
  assert.is(trips, 1)
  const finding = tape.overhead - equal.tape.overhead
  assert.ok(finding < 100, `${finding} bytes more than an equal pull, besides the nodes`)
})

test('a cursor of last time leaves out what was held then', async () => {
  const [client, hub, stranger] = await circle('laptop', 'main', 'stranger')
  const reader = await local('reader')
  await introduce(reader, hub!)
  await plant(hub!, chain(stranger!.key, 'by a stranger', 50))
  assert.ok(client)
  const first = await taped({ client: reader, hub: hub!, mode: 'pull' })
  assert.equal([first.tape.nodes, first.met.channel?.sink?.result?.heldCount], [50, 50])
  await plant(hub!, chain(hub!.key, 'news', 2))
  const second = await taped({ client: reader, hub: hub!, mode: 'pull' })
  assert.equal([second.tape.nodes, second.met.channel?.sink?.result?.admitted], [2, 2])
})

/** 10,000 nodes of both, then some at each alone. */
async function diverged(common: number, atClient: number, atHub: number): Promise<{ client: Local; hub: Local }> {
  const [client, hub] = await circle('laptop', 'main')
  const base = chain(keyOf('main'), 'event', common)
  await plant(client!, base)
  await plant(hub!, base)
  await plant(client!, chain(keyOf('laptop'), 'on the laptop', atClient, base.at(-1)))
  await plant(hub!, chain(keyOf('main'), 'on the hub', atHub, base.at(-1)))
  return { client: client!, hub: hub! }
}

test('ten differing nodes among 10,000 cost a round trip more and a few hundred bytes of questions', async () => {
  const sides = await diverged(10_000, 5, 5)
  const { tape, trips } = await taped({ ...sides, mode: 'both' })
  equalHeads(sides.client, sides.hub)
  assert.is(tape.nodes, 10)
  assert.ok(trips <= 5, `${trips} round trips`)
  assert.ok(tape.overhead < 5000, `${tape.overhead} bytes besides the nodes`)
})

test('what a difference costs follows the difference and not the log', async () => {
  const small = await taped({ ...(await diverged(200, 5, 5)), mode: 'both' })
  const large = await taped({ ...(await diverged(3000, 5, 5)), mode: 'both' })
  const more = large.tape.overhead - small.tape.overhead
  assert.ok(Math.abs(more) < 32, `${more} bytes more with fifteen times the nodes`)
  assert.is(large.trips, small.trips)
})

test('a thousand heads that one side lacks cost their nodes and 34 bytes each for the view', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const [root, ...rest] = chain(keyOf('main'), 'trunk', 20)
  const wide: Made[] = Array.from({ length: 1000 }, (_, i) => node(keyOf('main'), `branch ${i}`, [root!]))
  await plant(client!, [root!, ...rest])
  await plant(hub!, [root!, ...rest, ...wide])
  const { tape, trips } = await taped({ client: client!, hub: hub!, mode: 'pull' })
  equalHeads(client!, hub!)
  assert.equal([tape.nodes, trips], [1000, 1])
  assert.ok(tape.overhead < 1000 * 38 + 3000, `${tape.overhead} bytes besides the nodes`)
})

test('a thousand heads on either side, ten of them different, are found by asking about little more', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const root = node(keyOf('main'), 'root')
  const wide: Made[] = Array.from({ length: 1000 }, (_, i) => node(keyOf('main'), `branch ${i}`, [root]))
  await plant(client!, [root, ...wide.slice(0, 995)])
  await plant(hub!, [root, ...wide.slice(5)])
  const { tape, trips } = await taped({ client: client!, hub: hub!, mode: 'both' })
  equalHeads(client!, hub!)
  assert.is(tape.nodes, 10)
  assert.ok(trips <= 6, `${trips} round trips`)
  assert.ok(tape.overhead < 2 * 1000 * 36 + 12_000, `${tape.overhead} bytes besides the nodes`)
})

test('heads on several pages are a view like any other', async () => {
  const [client, hub] = await circle('laptop', 'main')
  await plant(
    hub!,
    Array.from({ length: 2500 }, (_, i) => node(keyOf('main'), `root ${i}`)),
  )
  const { tape } = await taped({ client: client!, hub: hub!, mode: 'pull' })
  equalHeads(client!, hub!)
  assert.equal([tape.nodes, tape.count('heads')], [2500, 2])
})

test('compressed frames carry the same nodes in fewer bytes', async () => {
  const plain = await taped({ ...(await lined(0, 300)), mode: 'pull' })
  const sides = await lined(0, 300)
  const packed = await taped({ ...sides, mode: 'pull', compress: true })
  equalHeads(sides.client, sides.hub)
  assert.ok(packed.tape.count('packed') > 0)
  assert.ok(packed.tape.bytes < plain.tape.bytes * 0.7, `${packed.tape.bytes} of ${plain.tape.bytes} bytes`)
})

test.run()
