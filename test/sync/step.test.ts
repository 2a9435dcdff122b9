// The protocol logic as such: whatever well-formed messages come in whatever order, a side either goes on or ends with an error
// of the protocol; never anything else, never for ever. And what it keeps of a session is bounded.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, type Digest, sha256, utf8 } from '../../src/base/bytes.ts'
import { WIRE_LIMITS } from '../../src/base/limits.ts'
import type { Effect } from '../../src/sync/connection.ts'
import { packBlocks, unpackBlocks } from '../../src/sync/frame-packing.ts'
import { bit, encodeMessage, type Message, type Mode, setBit } from '../../src/sync/message.ts'
import { step } from '../../src/sync/step.ts'
import type { ReplicaPort } from '../../src/transport/session.ts'
import { chain, circle, FRONTIER, introduce, keyOf, local, type Made, plant } from './local.ts'
import { Random } from './random.ts'
import { Scene, type Side } from './scene.ts'
import { openOf } from './session-parts.ts'

const test = suite('sync/step')
const { headsSentMax, headsPerFrameMax, sinkIdsMax, channelsMax, idsPerWantMax, wantsPerChannelMax } = WIRE_LIMITS

const madeUp = (name: string | number): Digest => sha256(utf8(`made up ${name}`))

/** Nodes of which each side has some, and ids that nobody has. */
interface Pool {
  readonly nodes: readonly Made[]
  readonly ids: readonly Digest[]
}

function anyMessage(random: Random, { nodes, ids }: Pool): Message {
  const ch = random.chance(0.85) ? 1 : random.below(3)
  const id = (): Digest => random.pick(ids)
  const some = <T>(make: () => T, max: number): T[] => Array.from({ length: 1 + random.below(max) }, make)
  const count = (): number => random.below(6)
  const heads = [...new Map(some(id, 2).map(head => [head.toString(), head])).values()].sort(compare)
  const open = openOf(random.pick<Mode>(['pull', 'push', 'both']), {
    ch: 1 + random.below(4),
    heads,
    count: 1 + count(),
  })
  const makers: (() => Message)[] = [
    () => ({ ...open, count: Math.max(open.count, open.headCount) }),
    () => {
      const { frontier: _f, mode: _m, ...view } = open
      return { ...view, t: 'opened', ch }
    },
    () => ({ t: 'heads', ch, heads, more: random.chance(0.3) }),
    () => ({ t: 'offer', ch, ids: some(id, 4) }),
    () => ({ t: 'have', ch, stored: Uint8Array.of(random.below(4)), held: Uint8Array.of(0) }),
    () => ({ t: 'blocks', ch, nodes: some(() => random.pick(nodes).bytes, 3) }),
    () =>
      packBlocks(
        ch,
        Array.from({ length: 4 }, () => random.pick(nodes).bytes),
        true,
      ),
    () => ({ t: 'ack', ch, nodes: count(), bytes: count() * 500 }),
    () => ({ t: 'want', ch, ids: some(id, 3) }),
    () => ({ t: 'lack', ch, ids: some(id, 3) }),
    () => ({ t: 'end', ch, seq: open.count, digest: open.digest, nodes: count() }),
    () => ({ t: 'close', ch }),
    () => ({ t: 'list' }),
    () => ({ t: 'frontiers', items: [] }),
    () => ({ t: 'registry', frontier: FRONTIER }),
    () => ({ t: 'error', ch, code: 'ERR_SYNC_BUSY', message: '' }),
    () => {
      const counts = { admitted: 0, known: 0, heldCount: 0, refusedCount: 0, count: count() }
      return { t: 'report', ch, ...counts, held: [], refused: [], digest: id(), complete: true }
    },
  ]
  return random.pick(makers)()
}

test('no order of well-formed messages ends in anything but an error of the protocol', async () => {
  const random = new Random(7)
  const ends = new Map<string, number>()
  const [laptop, main] = await circle('laptop', 'main')
  const nodes = chain(keyOf('main'), 'event', 6)
  await plant(main!, nodes.slice(0, 4))
  await plant(laptop!, nodes.slice(0, 2))
  const pool = { nodes, ids: [...nodes.map(({ digest }) => digest), madeUp(1), madeUp(2)] }
  for (let round = 0; round < 3000; round += 1) {
    const scene = await new Scene(laptop!, main!).shakeHands()
    const at: Side = random.chance(0.7) ? 'hub' : 'client'
    if (at === 'client') await scene.open(random.pick<Mode>(['pull', 'push', 'both']))
    let end = 'open'
    for (let left = 20; left > 0 && end === 'open'; left -= 1) {
      // What the session asks of the store is answered by it, and what it sends goes nowhere.
      const effects: Effect[] = await scene.forge(at, anyMessage(random, pool))
      for (const effect of effects) if (effect.do === 'close') end = effect.error.code
    }
    if (end !== 'open')
      assert.equal(step(scene[at].connection, { in: 'frame', frame: encodeMessage({ t: 'list' }) }), [])
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  const strange = [...ends.keys()].filter(end => end !== 'open' && !end.startsWith('ERR_SYNC_'))
  assert.equal(strange, [])
  assert.ok(ends.size >= 5, [...ends.keys()].join(' '))
})

test('as many heads as a side may name are taken, page by page', async () => {
  const [laptop, main] = await circle('laptop', 'main')
  const scene = await new Scene(laptop!, main!).shakeHands()
  const heads = Array.from({ length: headsSentMax }, (_, i) => madeUp(i)).sort(compare)
  const view = openOf('push', { heads })
  await scene.forge('hub', { ...view, heads: heads.slice(0, headsPerFrameMax), more: true })
  for (let from = headsPerFrameMax; from < heads.length; from += headsPerFrameMax) {
    const page = heads.slice(from, from + headsPerFrameMax)
    await scene.forge('hub', { t: 'heads', ch: 1, heads: page, more: from + headsPerFrameMax < heads.length })
  }
  assert.is(scene.sent('hub').at(-1)?.t, 'opened')
})

test('a side with more heads than it may name names the first, and nobody takes them for all', async () => {
  const [laptop, main] = await circle('laptop', 'main')
  await plant(laptop!, chain(keyOf('laptop'), 'event', 1))
  const heads = Array.from({ length: headsSentMax + 5 }, (_, i) => madeUp(i)).sort(compare)
  const digest = sha256(Buffer.concat(heads))
  const view: ReplicaPort['view'] = async (frontier, peer) => {
    const whole = await main!.services.view(frontier, peer)
    return { ...whole!, heads, digest, count: heads.length }
  }
  const scene = await new Scene(laptop!, { ...main!, services: { ...main!.services, view } }).shakeHands()
  await scene.open('push')
  await scene.deliver({ stopAt: 'offer' })
  const pages = scene.sent('hub').filter(({ t }) => t === 'heads')
  assert.is(pages.length, headsSentMax / headsPerFrameMax - 1)
  const plans = scene.turns.flatMap(({ effects }) => effects.filter(effect => effect.do === 'plan'))
  assert.equal([plans.length, plans[0]!.headsComplete, plans[0]!.heads.length], [1, false, headsSentMax])
})

test('as many channels as there may be are open at once', async () => {
  const frontiers = Array.from({ length: channelsMax }, (_, i) => `vfr_${String(i).padStart(16, '0')}`)
  const [laptop, main] = await Promise.all([local('laptop', { frontiers }), local('main', { frontiers })])
  await introduce(main, laptop)
  const scene = await new Scene(laptop, main).shakeHands()
  for (const [i, frontier] of frontiers.entries()) {
    await scene.forge('hub', openOf('push', { ch: i + 1, frontier, heads: [madeUp('head')] }))
  }
  assert.is(scene.hub.connection.channels.size, channelsMax)
})

test('a sink that says it holds everything makes the source remember no more than so many ids', async () => {
  const [laptop, main] = await circle('laptop', 'main')
  await plant(main!, chain(keyOf('main'), 'event', 2))
  const scene = await new Scene(laptop!, main!).shakeHands()
  await scene.forge('hub', openOf('pull', { heads: [madeUp('mine')] }))
  const { source } = scene.hub.connection.channels.get(1)!
  for (let i = 0; i < sinkIdsMax; i += 1) source!.heldBySink.add(madeUp(i))
  await scene.forge('hub', { t: 'have', ch: 1, stored: Uint8Array.of(0), held: Uint8Array.of(3) })
  assert.is(source!.heldBySink.size, sinkIdsMax)
  assert.is(scene.sent('hub').at(-1)?.t, 'end')
})

test('a source that answers each want with a node of another missing parent comes to an end', async () => {
  const [laptop, main] = await circle('laptop', 'main')
  const scene = await new Scene(laptop!, main!).shakeHands()
  const { connection } = scene.hub
  await scene.forge('hub', openOf('push', { heads: [madeUp('head')], count: 1_000_000 }))
  const nodesOf = (round: number): Uint8Array[] =>
    Array.from({ length: idsPerWantMax }, (_, i) => utf8(`node ${round} ${i}`))
  /** The nodes of a round, each held for one of the next round. */
  const admit = (round: number): Effect[] => {
    const nodes = nodesOf(round)
    const next = nodesOf(round + 1).map(node => sha256(node))
    const held = nodes.map((node, i) => ({
      digest: sha256(node),
      key: madeUp('key'),
      wait: { kind: 'parent' as const, id: next[i]! },
    }))
    step(connection, { in: 'frame', frame: encodeMessage({ t: 'blocks', ch: 1, nodes }) })
    const bytes = nodes.reduce((sum, node) => sum + node.length, 0)
    const result = { admitted: 0, known: 0, held, released: [], refused: [], documents: [] }
    const [, look] = step(connection, { in: 'admitted', ch: 1, nodes: nodes.length, bytes, result })
    if (look?.do !== 'have') return []
    const none = new Uint8Array(idsPerWantMax / 8)
    const state = { count: 0, digest: madeUp('digest') }
    return step(connection, { in: 'having', ch: 1, why: 'parents', ids: look.ids, stored: none, held: none, state })
  }
  let last: Effect[] = []
  let rounds = 0
  for (; rounds < 1000 && connection.phase === 'ready'; rounds += 1) last = admit(rounds)
  const end = last.find(effect => effect.do === 'close')
  assert.equal([end?.error.code, rounds], ['ERR_SYNC_LIMIT', wantsPerChannelMax / idsPerWantMax + 1])
})

test('bits stand least significant first', () => {
  const bits = new Uint8Array(2)
  for (const index of [0, 3, 9]) setBit(bits, index)
  assert.equal([...bits], [0b1001, 0b10])
  assert.equal(
    [0, 1, 3, 8, 9, 99].map(index => bit(bits, index)),
    [true, false, true, false, true, false],
  )
})

test('nodes are packed when it pays, and come out as they went in', () => {
  const alike = Array.from({ length: 20 }, (_, i) => utf8(`{"a node":"like all others","number":${i}}`.repeat(5)))
  const packed = packBlocks(1, alike, true)
  assert.is(packed.t, 'packed')
  assert.equal(
    unpackBlocks(packed).map(node => Buffer.from(node).toString()),
    alike.map(node => Buffer.from(node).toString()),
  )
  assert.is(packBlocks(1, alike, false).t, 'blocks')
  assert.is(packBlocks(1, [utf8('short')], true).t, 'blocks')
  const noise = Array.from({ length: 40 }, (_, i) => madeUp(i))
  assert.is(packBlocks(1, noise, true).t, 'blocks')
})

test.run()
