import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AdmitReport } from '../../src/admission/gate.ts'
import { SignedNode } from '../../src/admission/own-node.ts'
import { concat, equals, HashedBlock, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { type ErrorCode, hasCode } from '../../src/base/errors.ts'
import { nodeBytesMax } from '../../src/base/limits.ts'
import { importEvent } from '../../src/event/event.ts'
import { blockOf } from '../../src/node/decoder.ts'
import { createLevelDb } from '../../src/store/leveldb/open-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Wait } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import {
  contents,
  eventText,
  FRONTIER,
  type Made,
  makeChain,
  makeNode,
  NOW,
  seededKey,
  setting,
  waitText,
} from './nodes.ts'

const test = suite('admission/gate')

const alice = seededKey(2)
const bob = seededKey(3)
const carol = seededKey(4)

const waits = (report: AdmitReport): string[] => report.held.map(item => waitText(item.wait))
const parentWait = (node: Made): Wait => ({ kind: 'parent', id: node.digest })
const keyWait = (key: typeof alice): Wait => ({ kind: 'key', id: key.publicKeyBytes })
const hexes = (nodes: readonly { digest: Uint8Array }[]): string[] => nodes.map(node => toHex(node.digest)).sort()

test('nodes of registered keys go in, parents first, in one commit, and the hook is told after it is durable', async () => {
  await using at = await setting({ peers: [alice] })
  const chain = makeChain(alice, 5)
  const report = await at.admit(chain)
  assert.is(report.admitted, 5)
  assert.is(report.firstSeq, 0)
  assert.equal([report.known, report.held, report.refused, report.released], [0, [], [], []])
  assert.is(at.log.nodes, 5)
  assert.equal(hexes(at.commits[0]!.nodes), hexes(chain))
  assert.is(at.commits.length, 1)
  assert.ok(equals(at.log.headsDigest(), sha256(chain[4]!.digest)))
})

test('a block that was hashed before is not hashed again: its digest is the one that the gate commits and reports', async () => {
  await using at = await setting({ peers: [alice] })
  const node = blockOf(makeNode(alice, 'one').bytes)
  const other = new HashedBlock(utf8('not a node'))
  const report = await at.gate.admitNodesAndDocuments([node, other], { from: alice.publicKeyBytes })
  assert.is(report.admitted, 1)
  assert.is(at.commits[0]!.nodes[0]!.digest, node.digest)
  assert.is(report.refused[0]!.digest, other.digest)
})

test("one's own key needs no registration", async () => {
  await using at = await setting()
  assert.is((await at.admit([makeNode(at.own, 'mine')])).admitted, 1)
})

test('what is stored already, or comes twice in a call, is known', async () => {
  await using at = await setting({ peers: [alice] })
  const [a, b] = makeChain(alice, 2)
  await at.admit([a!])
  const report = await at.admit([a!, b!, b!])
  assert.is(report.admitted, 1)
  assert.is(report.known, 2)
})

const good = makeNode(alice, 'good')
const text = new TextDecoder().decode(eventText('event'))
const flipped = Uint8Array.from(good.bytes)
flipped[10] = flipped[10]! ^ 1

const refusals: readonly { name: string; bytes: Uint8Array; code: ErrorCode }[] = [
  { name: 'bytes that are no CBOR', bytes: utf8('hello'), code: 'ERR_CBOR' },
  {
    name: 'a node with something behind it',
    bytes: Buffer.concat([good.bytes, utf8('x')]),
    code: 'ERR_NODE_SHAPE',
  },
  {
    name: 'a header with the text of another',
    bytes: concat([good.bytes.subarray(0, good.headerBytes), eventText('evil')]),
    code: 'ERR_NODE_TEXT',
  },
  { name: 'CBOR that is no node', bytes: Uint8Array.of(0xa0), code: 'ERR_NODE_SHAPE' },
  { name: 'a block larger than any node', bytes: new Uint8Array(nodeBytesMax + 1), code: 'ERR_NODE_SIZE' },
  {
    name: 'a node of another frontier',
    bytes: makeNode(alice, 'x', [], { frontier: 'vfr_ffffffffffffffff' }).bytes,
    code: 'ERR_NODE_FRONTIER',
  },
  { name: 'a broken signature', bytes: flipped, code: 'ERR_NODE_SIGNATURE' },
  {
    name: "a signature by another's key",
    bytes: makeNode(alice, 'x', [], { sig: bob.sign(utf8('x')) }).bytes,
    code: 'ERR_NODE_SIGNATURE',
  },
  {
    name: 'a broken signature on a node that would be held',
    bytes: makeNode(carol, 'x', [], { sig: new Uint8Array(64) }).bytes,
    code: 'ERR_NODE_SIGNATURE',
  },
  {
    name: 'a height that does not follow from the parents',
    bytes: makeNode(alice, 'x', [good], { height: 2 }).bytes,
    code: 'ERR_NODE_HEIGHT',
  },
]

for (const { name, bytes, code } of refusals) {
  test(`${name}: refused with ${code}, and nothing is written`, async () => {
    await using at = await setting({ peers: [alice] })
    await at.admit([good])
    const before = await contents(at)
    const report = await at.gate.admit([bytes], { from: alice.publicKeyBytes })
    assert.equal(
      report.refused.map(item => [toHex(item.digest), item.code]),
      [[toHex(blockOf(bytes).digest), code]],
    )
    assert.equal([report.admitted, report.held], [0, []])
    assert.is(await contents(at), before)
  })
}

const broken: readonly { name: string; text: Uint8Array }[] = [
  { name: 'a text that is not canonical', text: utf8(text.replace('{', '{ ')) },
  { name: 'a text that is not JSON', text: utf8(text.slice(1)) },
  { name: 'a text without the fields of an event', text: utf8('{}') },
  {
    name: 'a text under an id that is not its own',
    text: utf8(text.replace(/vev_[0-9a-f]{16}/, 'vev_0123456789abcdef')),
  },
]

for (const { name, text: event } of broken) {
  test(`${name} is void: the header is admitted with or without it, and the text is never kept`, async () => {
    const node = makeNode(alice, 'x', [], { event })
    const header = node.bytes.subarray(0, node.headerBytes)
    await using whole = await setting({ peers: [alice] })
    await using bare = await setting({ peers: [alice] })
    for (const block of [node.bytes, header]) await whole.gate.admit([block], { from: alice.publicKeyBytes })
    for (const block of [header, node.bytes]) await bare.gate.admit([block], { from: alice.publicKeyBytes })
    assert.is(toHex(whole.log.headsDigest()), toHex(bare.log.headsDigest()))
    for (const { log } of [whole, bare]) {
      assert.equal(log.texts(), { here: 0, wanted: 0, 'left-out': 0, erased: 0, void: 1 })
      assert.is((await log.read([0]))[0]!.bytes.length, node.headerBytes)
    }
  })
}

test('a text comes later than its header, from whoever has it, and another text is refused', async () => {
  await using at = await setting({ peers: [alice] })
  const [first, second] = makeChain(alice, 2)
  const headers = [first!, second!].map(({ bytes, headerBytes }) => bytes.subarray(0, headerBytes))
  assert.is((await at.gate.admit(headers, { from: alice.publicKeyBytes })).admitted, 2)
  assert.equal(await at.log.absent('wanted', { limit: 9 }), [0, 1])
  const forged = concat([headers[0]!, eventText('evil 0')])
  const report = await at.gate.admit([forged, second!.bytes], { from: bob.publicKeyBytes })
  assert.equal([report.admitted, report.known, report.texts], [0, 1, 1])
  assert.equal(await at.log.absent('wanted', { limit: 9 }), [0])
  assert.is((await at.gate.admit([first!.bytes], { from: bob.publicKeyBytes })).texts, 1)
  assert.is(at.log.texts().here, 2)
})

test('a refused node leaves the others of its call alone, and its children wait for it', async () => {
  await using at = await setting({ peers: [alice] })
  const bad = makeNode(alice, 'bad', [], { sig: new Uint8Array(64) })
  const child = makeNode(alice, 'child', [bad])
  const other = makeNode(alice, 'other')
  const report = await at.admit([bad, child, other])
  assert.is(report.admitted, 1)
  assert.equal(waits(report), [waitText(parentWait(bad))])
  assert.is(report.refused.length, 1)
})

test('a node whose parent is missing is held, and goes in with its descendants when the parent comes', async () => {
  await using at = await setting({ peers: [alice] })
  const [a, b, c] = makeChain(alice, 3)
  const held = await at.admit([c!, b!])
  assert.equal(held.held.length, 2)
  assert.is(at.log.nodes, 0)
  const report = await at.admit([a!])
  assert.is(report.admitted, 3)
  assert.equal(hexes(report.released.map(digest => ({ digest }))), hexes([b!, c!]))
  assert.is(at.store.held.usage(FRONTIER).nodes, 0)
  assert.equal(at.log.heads(), [c!.digest])
})

test('a call may bring children before parents', async () => {
  await using at = await setting({ peers: [alice] })
  const chain = makeChain(alice, 20)
  const report = await at.admit(chain.toReversed())
  assert.is(report.admitted, 20)
  assert.equal([report.held, report.released], [[], []])
})

test('a wrong height is found out when the parents come', async () => {
  await using at = await setting({ peers: [alice] })
  const root = makeNode(alice, 'root')
  const liar = makeNode(alice, 'liar', [root], { height: 5 })
  assert.equal(waits(await at.admit([liar])), [waitText(parentWait(root))])
  const report = await at.admit([root])
  assert.is(report.admitted, 1)
  assert.equal(
    report.refused.map(item => item.code),
    ['ERR_NODE_HEIGHT'],
  )
  assert.equal(hexes(report.released.map(digest => ({ digest }))), hexes([liar]))
  assert.is(at.store.held.usage(FRONTIER).nodes, 0)
})

test('nodes of an unregistered key are held with their descendants, by key, until the key is registered', async () => {
  await using at = await setting({ peers: [alice] })
  const root = makeNode(alice, 'root')
  const bobs = makeChain(bob, 3, { on: root })
  const onTop = makeNode(alice, 'on top', [bobs[2]!])
  const held = await at.admit([root, ...bobs, onTop])
  assert.is(held.admitted, 1)
  assert.equal(waits(held), [...bobs.map(() => waitText(keyWait(bob))), waitText(parentWait(bobs[2]!))])
  const [most] = await at.store.held.listWaits(FRONTIER, 10)
  assert.is(`${waitText(most!.wait)} ${most!.nodes}`, `${waitText(keyWait(bob))} 3`)
  await at.register('hub:bob', bob)
  const report = await at.gate.release(keyWait(bob))
  assert.is(report.admitted, 4)
  assert.is(report.released.length, 4)
  assert.equal(at.log.heads(), [onTop.digest])
})

test('releasing for a key that is still unknown changes nothing', async () => {
  await using at = await setting()
  await at.admit(makeChain(bob, 3))
  const before = await contents(at)
  const report = await at.gate.release(keyWait(bob))
  assert.equal([report.admitted, report.released, report.refused], [0, [], []])
  assert.is(await contents(at), before)
})

test('a held block that comes again stays held, and is judged anew once its wait is over', async () => {
  await using at = await setting()
  const node = makeNode(bob, 'x')
  await at.admit([node])
  const again = await at.admit([node])
  assert.equal(waits(again), [waitText(keyWait(bob))])
  assert.is(at.store.held.usage(FRONTIER).nodes, 1)
  await at.register('hub:bob', bob)
  assert.is((await at.admit([node])).admitted, 1)
  assert.is(at.store.held.usage(FRONTIER).nodes, 0)
})

test('a node that links documents is held for them', async () => {
  await using at = await setting({ peers: [alice] })
  const digest = sha256(utf8('document'))
  const node = makeNode(alice, 'x', [], { links: [{ codec: 'raw', digest }] })
  assert.equal(waits(await at.admit([node])), [waitText({ kind: 'document', id: digest })])
  const report = await at.gate.release({ kind: 'document', id: digest })
  assert.equal([report.admitted, at.store.held.usage(FRONTIER).nodes], [0, 1])
})

test('what the quota has no room for is refused for now, and may come again', async () => {
  await using at = await setting({ heldBytesPerPeer: 1500 })
  const chain = makeChain(bob, 5)
  const report = await at.admit(chain, alice)
  const full = report.refused.filter(item => item.code === 'ERR_HELD_FULL')
  assert.ok(full.length > 0 && report.held.length > 0)
  assert.is(full.length + report.held.length, 5)
  await at.register('hub:bob', bob)
  assert.is((await at.gate.release(keyWait(bob))).admitted, report.held.length)
  assert.is((await at.admit(chain, alice)).admitted, full.length)
})

test('held nodes survive a crash between a commit and what it should have set free', async () => {
  await using at = await setting({ peers: [alice, bob] })
  const [a, b, c] = makeChain(alice, 3)
  await at.admit([b!, c!])
  // The log alone gets the parent, as if the process had died right after the commit; b is left in both stores.
  await at.log.commit([a!])
  await using reopened = await setting({ store: at.store })
  const report = await reopened.admit([makeNode(alice, 'something else')])
  assert.is(report.admitted, 3, 'the two that had been held count in the turn that lets them in')
  assert.is(reopened.log.nodes, 4)
  assert.is(at.store.held.usage(FRONTIER).nodes, 0)
})

test('a node that is both stored and held after a crash is dropped from the held ones', async () => {
  await using at = await setting({ peers: [alice] })
  const node = makeNode(alice, 'x')
  await at.admit([node])
  const wait = keyWait(bob)
  const { publicKeyBytes: key } = alice
  await at.store.held.put(FRONTIER, [{ ...node, key, wait, from: key }])
  await using reopened = await setting({ store: at.store })
  await reopened.gate.reevaluateHeld()
  assert.is(at.store.held.usage(FRONTIER).nodes, 0)
  assert.is(at.log.nodes, 1)
})

test('after a removal what the key signed before stays, and what comes later is refused', async () => {
  await using at = await setting({ peers: [alice, bob] })
  const bobs = makeChain(bob, 3)
  await at.admit(bobs.slice(0, 2))
  await at.remove('hub:peer-1')
  assert.is((await at.admit(bobs.slice(0, 2))).known, 2)
  const before = await contents(at)
  const report = await at.admit([bobs[2]!])
  assert.equal(
    report.refused.map(item => item.code),
    ['ERR_NODE_REVOKED'],
  )
  assert.is(await contents(at), before)
  await at.register('hub:peer-1', bob)
  assert.is((await at.admit([bobs[2]!])).admitted, 1)
})

/** A registry with a cut that was made elsewhere: the heads are not stored here. */
async function adopting(
  peers: readonly (typeof alice)[],
  cuts: readonly { key: typeof alice; heads: readonly Made[] }[],
) {
  const store = new MemoryStore()
  const at = await setting({ store, ownSeed: 9, peers })
  const elsewhere = await setting({ ownSeed: 8 })
  for (const [i, { key, heads }] of cuts.entries()) {
    await elsewhere.register(`hub:cut-${i}`, key)
    await elsewhere.registry.remove(`hub:cut-${i}`, { heads: heads.map(node => node.digest), at: NOW })
  }
  const offer = at.registry.readOffer(elsewhere.registry.offer(), elsewhere.own.publicKeyBytes)
  await at.registry.adopt(offer, { at: NOW })
  await elsewhere[Symbol.asyncDispose]()
  return at
}

test('an adopted cut: ancestors of its heads are held until a head shows the way down to them', async () => {
  const root = makeNode(alice, 'root')
  const bobs = makeChain(bob, 3, { on: root })
  const above = makeNode(bob, 'above the cut', [bobs[2]!])
  const head = makeNode(alice, 'head', [bobs[2]!])
  await using at = await adopting([alice], [{ key: bob, heads: [head] }])
  const held = await at.admit([root, ...bobs, above])
  assert.is(held.admitted, 1)
  const wait = waitText({ kind: 'cut', id: head.digest })
  assert.equal(waits(held), [wait, wait, wait, wait])
  const report = await at.admit([head])
  assert.is(report.admitted, 4)
  assert.equal(report.refused, [{ digest: above.digest, code: 'ERR_NODE_REVOKED' }])
  assert.equal(at.log.heads(), [head.digest])
  assert.is(at.store.held.usage(FRONTIER).nodes, 0)
})

test('an adopted cut: the way down may be found piece by piece, in any order', async () => {
  const bobs = makeChain(bob, 6)
  const head = makeNode(alice, 'head', [bobs[5]!])
  for (const order of [
    [5, 4, 3, 2, 1, 0, 6],
    [6, 5, 3, 4, 0, 1, 2],
    [6, 0, 1, 2, 3, 4, 5],
    [0, 2, 4, 6, 5, 3, 1],
  ]) {
    await using at = await adopting([alice], [{ key: bob, heads: [head] }])
    for (const i of order) await at.admit([[...bobs, head][i]!])
    assert.is(at.log.nodes, 7, `order ${order}`)
  }
})

test('an adopted cut: with two heads, one that is stored does not condemn what may be below the other', async () => {
  const left = makeChain(bob, 2, { name: 'left' })
  const right = makeChain(bob, 2, { name: 'right' })
  const stray = makeNode(bob, 'stray')
  const heads = [makeNode(alice, 'l', [left[1]!]), makeNode(alice, 'r', [right[1]!])]
  await using at = await adopting([alice], [{ key: bob, heads }])
  await at.admit([...left, ...right, stray, heads[0]!])
  assert.is(at.log.nodes, 3)
  assert.is(at.store.held.usage(FRONTIER).nodes, 3)
  const report = await at.admit([heads[1]!])
  assert.is(at.log.nodes, 6)
  assert.equal(report.refused, [{ digest: stray.digest, code: 'ERR_NODE_REVOKED' }])
})

test('an adopted cut of one key frees nothing of another key that is cut elsewhere', async () => {
  const [b] = makeChain(bob, 1)
  const c = makeNode(carol, 'c')
  const head = makeNode(alice, 'head', [b!])
  const other = makeNode(alice, 'other', [c])
  await using at = await adopting(
    [alice],
    [
      { key: bob, heads: [head] },
      { key: carol, heads: [other] },
    ],
  )
  await at.admit([b!, c, head])
  assert.is(at.log.nodes, 2)
  await at.admit([other])
  assert.is(at.log.nodes, 4)
})

test('a cut that is adopted while nodes are on their way decides about them at the next turn', async () => {
  await using elsewhere = await setting({ ownSeed: 8 })
  await using at = await setting({ peers: [alice] })
  const bobs = makeChain(bob, 2)
  const head = makeNode(alice, 'head', [bobs[0]!])
  await elsewhere.register('hub:bob', bob)
  await elsewhere.registry.remove('hub:bob', { heads: [head.digest], at: NOW })
  const offer = at.registry.readOffer(elsewhere.registry.offer(), elsewhere.own.publicKeyBytes)
  const { has } = at.store.held
  // Adopted in the middle of a turn: between the refresh of the cuts and the judgement.
  await at.admit([makeNode(carol, 'held, so that the turn asks the held store')])
  at.store.held.has = async (frontier, digests) => {
    if (at.registry.cuts().length === 0) await at.registry.adopt(offer, { at: NOW })
    return has.call(at.store.held, frontier, digests)
  }
  const report = await at.admit([head, ...bobs])
  at.store.held.has = has
  assert.equal(report.refused, [])
  assert.is(at.log.nodes, 0)
  const next = await at.admit([makeNode(alice, 'any')])
  assert.is(next.admitted, 3)
  assert.equal(
    next.refused.map(item => item.code),
    ['ERR_NODE_REVOKED'],
  )
})

test('an adopted cut that is lifted frees what waited for its heads', async () => {
  const bobs = makeChain(bob, 3)
  await using at = await adopting([alice], [{ key: bob, heads: [makeNode(alice, 'head', [bobs[2]!])] }])
  await at.admit(bobs)
  assert.is(at.log.nodes, 0)
  await at.register('hub:bob', bob)
  assert.is((await at.gate.release(keyWait(bob))).admitted, 3)
})

test('an adopted cut survives a restart: what is held below a held head is found again', async () => {
  const bobs = makeChain(bob, 3)
  const head = makeNode(alice, 'head', [bobs[2]!])
  await using at = await adopting([alice], [{ key: bob, heads: [head] }])
  await at.admit([head, bobs[2]!, bobs[1]!])
  await using reopened = await setting({ store: at.store, ownSeed: 9 })
  assert.is((await reopened.admit([bobs[0]!])).admitted, 4)
})

test('a chain of 10,000 nodes held for a key is let in by its registration, without recursion', async () => {
  // On disk: the memory engine sorts all that is held at each look.
  await using folder = await scratch()
  await using store = await createLevelDb(folder.join('store'))
  await using at = await setting({ store })
  const chain = makeChain(bob, 10_000)
  for (let from = 0; from < chain.length; from += 1000) await at.admit(chain.slice(from, from + 1000))
  assert.is(at.store.held.usage(FRONTIER).nodes, 10_000)
  await at.register('hub:bob', bob)
  const report = await at.gate.release(keyWait(bob))
  assert.is(report.admitted, 10_000)
  assert.is(at.log.headCount, 1)
  assert.ok(at.commits.every(commit => commit.nodes.length <= 1024))
})

test('a failed commit leaves nothing behind, and the gate goes on', async () => {
  await using at = await setting({ peers: [alice] })
  const [a, b] = makeChain(alice, 2)
  const commit = at.log.commit.bind(at.log)
  at.log.commit = () => Promise.reject(new TypeError('the disk is full'))
  try {
    await at.admit([a!])
    assert.unreachable()
  } catch (error) {
    assert.ok(error instanceof TypeError)
  }
  at.log.commit = commit
  assert.is((await at.admit([a!, b!])).admitted, 2)
})

test('an aborted call admits nothing and does not hold up the next', async () => {
  await using at = await setting({ peers: [alice] })
  const [a] = makeChain(alice, 1)
  const aborted = at.gate.admit([a!.bytes], { from: alice.publicKeyBytes, signal: AbortSignal.abort() })
  const next = at.admit([a!])
  try {
    await aborted
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_ABORTED'))
  }
  assert.is((await next).admitted, 1)
})

test('calls made at once are settled in the order they were made, each seeing those before', async () => {
  await using at = await setting({ peers: [alice] })
  const chain = makeChain(alice, 300)
  const calls = []
  for (let from = 0; from < chain.length; from += 10) calls.push(at.admit(chain.slice(from, from + 10)))
  calls.push(at.admit(chain.slice(100, 110)))
  const reports = await Promise.all(calls)
  assert.equal(
    reports.map(report => report.admitted),
    [...new Array<number>(30).fill(10), 0],
  )
  assert.is(reports.at(-1)!.known, 10)
  assert.equal(
    reports.slice(0, 30).map(report => report.firstSeq),
    Array.from({ length: 30 }, (_, i) => i * 10),
  )
})

test('a call of more nodes than a commit takes is settled all the same', async () => {
  await using at = await setting({ peers: [alice] })
  const chain = makeChain(alice, 2500)
  assert.is((await at.admit(chain)).admitted, 2500)
  assert.ok(at.commits.length >= 3)
})

/** A DAG by four keys of which one is registered later, one never, and one is cut; with a few bad nodes among them. */
const worlds = fc.record({
  picks: fc.array(fc.record({ key: fc.nat(3), parents: fc.array(fc.nat(1000), { maxLength: 3 }), bad: fc.nat(12) }), {
    minLength: 1,
    maxLength: 40,
  }),
  cut: fc.nat(1000),
})

test('any order and any chunking of the same nodes under equal registries ends in the same heads', async () => {
  const keys = [alice, bob, carol, seededKey(5)]
  await fc.assert(
    fc.asyncProperty(
      worlds,
      fc.array(fc.nat(1_000_000), { minLength: 120, maxLength: 120 }),
      async ({ picks, cut }, dice) => {
        const nodes: Made[] = []
        for (const [i, { key, parents, bad }] of picks.entries()) {
          const on = [...new Set(i === 0 ? [] : parents.map(pick => nodes[i - 1 - (pick % Math.min(i, 6))]!))]
          const deviation = bad === 1 ? { sig: new Uint8Array(64) } : bad === 2 && on.length > 0 ? { height: 77 } : {}
          nodes.push(makeNode(keys[key]!, `node ${i}`, on, deviation))
        }
        const heads = [nodes[cut % nodes.length]!]
        const ends: string[] = []
        for (const round of [0, 1, 2]) {
          await using at = await adopting([alice], [{ key: carol, heads }])
          const order = nodes.map((node, i) => ({ node, at: round === 0 ? i : dice[(i + round * 41) % dice.length]! }))
          const shuffled = order.sort((a, b) => a.at - b.at).map(entry => entry.node)
          const size = round === 0 ? shuffled.length : 1 + (dice[round]! % 7)
          const late = dice[round + 50]! % (shuffled.length + 1)
          for (let from = 0; from < shuffled.length; from += size) {
            if (from <= late && late < from + size) {
              await at.register('hub:bob', bob)
              await at.gate.release(keyWait(bob))
            }
            await at.admit(shuffled.slice(from, from + size))
          }
          if (at.registry.get('hub:bob') === undefined) {
            await at.register('hub:bob', bob)
            await at.gate.release(keyWait(bob))
          }
          const held = await at.store.held.list(FRONTIER, { limit: 1000 })
          ends.push(`${toHex(at.log.headsDigest())} ${at.log.nodes} ${hexes(held)}`)
        }
        assert.equal(
          ends,
          ends.map(() => ends[0]),
        )
      },
    ),
    { numRuns: 60 },
  )
})

test('the gate agrees with a plain reading of the rules', async () => {
  // Two keys, both registered; bob is cut at one node. Admitted is the least set that the rules allow.
  await fc.assert(
    fc.asyncProperty(worlds, async ({ picks, cut }) => {
      const nodes: Made[] = []
      const parentsOf: number[][] = []
      for (const [i, { key, parents }] of picks.entries()) {
        const on = [...new Set(i === 0 ? [] : parents.map(pick => i - 1 - (pick % Math.min(i, 6))))]
        parentsOf.push(on)
        nodes.push(
          makeNode(
            key % 2 === 0 ? alice : bob,
            `node ${i}`,
            on.map(at => nodes[at]!),
          ),
        )
      }
      const head = cut % nodes.length
      const below = new Set([head])
      for (let i = head; i >= 0; i--) if (below.has(i)) for (const parent of parentsOf[i]!) below.add(parent)
      const expected: Made[] = []
      for (const [i, { key }] of picks.entries()) {
        const allowed = key % 2 === 0 || below.has(i)
        if (allowed && parentsOf[i]!.every(parent => expected.includes(nodes[parent]!))) expected.push(nodes[i]!)
      }
      await using at = await adopting([alice], [{ key: bob, heads: [nodes[head]!] }])
      await at.admit(nodes.toReversed())
      const stored = []
      for await (const rows of at.log.scan({ from: 0 })) stored.push(...rows)
      assert.equal(hexes(stored), hexes(expected))
    }),
    { numRuns: 60 },
  )
})

test('a node that this process has signed goes in without a second check; its bytes from anybody else are checked', async () => {
  await using at = await setting({})
  const fields = { event: importEvent(eventText('made here')), links: [], height: 0, parents: [], frontier: FRONTIER }
  const node = SignedNode.make(at.own, fields)
  const report = await at.gate.admit([node], { from: at.own.publicKeyBytes })
  assert.is(report.admitted, 1)
  const forged = Uint8Array.from(
    SignedNode.make(at.own, { ...fields, event: importEvent(eventText('forged')) }).candidate.bytes,
  )
  forged[10]! ^= 1
  const refused = await at.gate.admit([forged], { from: at.own.publicKeyBytes })
  assert.equal(
    refused.refused.map(({ code }) => code),
    ['ERR_NODE_SIGNATURE'],
  )
})

test.run()
