// Erasures: which texts they take out, in whatever order nodes arrive, and after a crash.

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import type { Key } from '../../src/crypto/key.ts'
import { type CheckedEvent, eventIdFromPrefix, makeEvent } from '../../src/event/event.ts'
import { createLevelDb, openLevelDb } from '../../src/store/leveldb/open-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { FrontierStore, TextState } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import { buildNode } from '../support/nodes.ts'
import { eventText, FRONTIER, type Made, makeNode, NOW, type Setting, seededKey, setting } from './nodes.ts'

const test = suite('admission/erasures')

const owner = seededKey(2)
const bob = seededKey(3)
const carol = seededKey(4)
const dave = seededKey(5)
const peers = [owner, bob, carol, dave]

function erasureEvent(of: Made, change: { target?: object; payload?: unknown; kind?: string } = {}): CheckedEvent {
  const target = { type: 'event', id: eventIdFromPrefix(of.label), ...change.target }
  const payload = change.payload ?? { event: `sha256:${toHex(of.event)}`, reason: 'a person asked' }
  const kind = change.kind ?? 'frontier.text_erased'
  return makeEvent({ kind, target, payload, actor: { id: 'hub:x' }, reason: 'a person asked', timestamp: NOW })
}

function erasure(key: Key, of: Made, parents: readonly Made[], change?: Parameters<typeof erasureEvent>[1]): Made {
  return buildNode(key, { event: erasureEvent(of, change).text, frontier: FRONTIER, parents })
}

/** The state of each node's text, by digest. */
async function states(log: FrontierStore): Promise<Map<string, TextState>> {
  const found = new Map<string, TextState>()
  for await (const rows of log.scan({ from: 0 })) for (const row of rows) found.set(toHex(row.digest), row.text)
  return found
}

async function stateOf({ log }: Pick<Setting, 'log'>, node: Made): Promise<TextState | undefined> {
  return (await states(log)).get(toHex(node.digest))
}

const root = makeNode(owner, 'root')
const secret = makeNode(bob, 'secret', [root])
const twin = makeNode(carol, 'secret', [root])

test("a key's erasure takes the text out of its own nodes only", async () => {
  await using at = await setting({ peers })
  await at.admit([root, secret, twin, erasure(bob, secret, [secret])])
  assert.equal([await stateOf(at, secret), await stateOf(at, twin)], ['erased', 'here'])
})

test("the owner's erasure takes the text out of all nodes that carry it", async () => {
  await using at = await setting({ peers })
  await at.admit([root, secret, twin])
  await at.admit([erasure(owner, secret, [twin])])
  assert.equal(
    [await stateOf(at, secret), await stateOf(at, twin), await stateOf(at, root)],
    ['erased', 'erased', 'here'],
  )
})

const harmless: readonly [name: string, key: Key, change: Parameters<typeof erasureEvent>[1]][] = [
  ['by a stranger to the text', dave, {}],
  ['of another kind', bob, { kind: 'frontier.text_erasing' }],
  ['with another type of target', bob, { target: { type: 'node' } }],
  ['with a target that is not the id of an event', bob, { target: { id: 'vev_xyz' } }],
  ['with the id of another event', bob, { target: { id: 'vev_0123456789abcdef' } }],
  ['with the digest of another text', bob, { payload: { event: `sha256:${'0'.repeat(64)}`, reason: 'x' } }],
  ['without a reason', bob, { payload: { event: `sha256:${toHex(secret.event)}` } }],
  ['with a reason that is not text', bob, { payload: { event: `sha256:${toHex(secret.event)}`, reason: 1 } }],
  ['with a further member', bob, { payload: { event: `sha256:${toHex(secret.event)}`, reason: 'x', z: 1 } }],
  ['with upper-case digits', bob, { payload: { event: `sha256:${toHex(secret.event).toUpperCase()}`, reason: 'x' } }],
  ['with a payload that is a list', bob, { payload: ['x'] }],
  ['with a large payload', bob, { payload: { event: `sha256:${toHex(secret.event)}`, reason: 'x'.repeat(8192) } }],
]
for (const [name, key, change] of harmless) {
  test(`an erasure ${name} is a node like any other and erases nothing`, async () => {
    await using at = await setting({ peers })
    const report = await at.admit([root, secret, twin, erasure(key, secret, [secret], change)])
    assert.is(report.admitted, 4)
    assert.is(at.log.texts().here, 4)
  })
}

test('the text of an erasure is never erased', async () => {
  await using at = await setting({ peers })
  const first = erasure(bob, secret, [secret])
  await at.admit([root, secret, first, erasure(bob, first, [first])])
  assert.equal([await stateOf(at, first), await stateOf(at, secret)], ['here', 'erased'])
})

/** A small log with texts on two nodes, and erasures by a key, the owner and a stranger. */
function scene(erasers: readonly number[]): { nodes: Made[]; erased: Set<string> } {
  const nodes = [root, secret, twin]
  const texts = [secret, makeNode(carol, 'other', [twin]), makeNode(dave, 'third', [secret, twin])]
  nodes.push(texts[1]!, texts[2]!, makeNode(bob, 'third', [texts[1]!]))
  const carriers = [...nodes]
  const keyOf = new Map<Made, Key>([...nodes].map((node, i) => [node, [owner, bob, carol, carol, dave, bob][i]!]))
  const erased = new Set<string>()
  for (const [i, pick] of erasers.entries()) {
    const of = texts[pick % texts.length]!
    const key = peers[Math.floor(pick / texts.length) % peers.length]!
    nodes.push(erasure(key, of, [nodes[(i * 7 + pick) % nodes.length]!]))
    for (const node of carriers) {
      if (toHex(node.event) === toHex(of.event) && (key === owner || keyOf.get(node) === key))
        erased.add(toHex(node.digest))
    }
  }
  return { nodes: [...new Map(nodes.map(node => [toHex(node.digest), node])).values()], erased }
}

test('the states and the heads are the same in every order of arrival', async () => {
  const orders = fc.record({
    erasers: fc.array(fc.nat(11), { maxLength: 5 }),
    seed: fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }),
    chunk: fc.integer({ min: 1, max: 12 }),
    lateOwner: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(orders, async ({ erasers, seed, chunk, lateOwner }) => {
      const { nodes, erased } = scene(erasers)
      const order = nodes.map((node, i) => ({ node, at: seed[i]! })).sort((a, b) => a.at - b.at)
      await using at = await setting({ peers: lateOwner ? peers.slice(1) : peers })
      for (let from = 0; from < order.length; from += chunk)
        await at.admit(order.slice(from, from + chunk).map(({ node }) => node))
      if (lateOwner) {
        await at.register('hub:owner', owner)
        await at.gate.release({ kind: 'key', id: owner.publicKeyBytes })
      }
      assert.is(at.log.nodes, nodes.length)
      const found = [...(await states(at.log))].filter(([, state]) => state !== 'here')
      assert.equal(new Map(found), new Map([...erased].sort().map(digest => [digest, 'erased'])))
      const straight = await setting({ peers })
      await straight.admit(nodes)
      assert.is(toHex(at.log.headsDigest()), toHex(straight.log.headsDigest()))
    }),
    { numRuns: 150 },
  )
})

test('an erased text that is offered again is not stored', async () => {
  await using at = await setting({ peers })
  await at.admit([root, erasure(bob, secret, [root])])
  await at.admit([secret])
  assert.is(await stateOf(at, secret), 'erased')
  const report = await at.admit([secret])
  assert.equal([report.known, report.texts], [1, 0])
  assert.is(await stateOf(at, secret), 'erased')
})

test('a wanted text is erased, and an erasure whose text comes late takes effect then', async () => {
  await using at = await setting({ peers })
  const header = (node: Made): Made => ({ ...node, bytes: node.bytes.subarray(0, node.headerBytes) })
  const erases = erasure(bob, secret, [secret])
  await at.admit([root, header(secret), header(erases)])
  assert.equal([await stateOf(at, secret), await stateOf(at, erases)], ['wanted', 'wanted'])
  assert.is((await at.admit([erases])).texts, 1)
  assert.equal([await stateOf(at, secret), await stateOf(at, erases)], ['erased', 'here'])
})

test('a held node loses an erased text, and gets it neither when it is held again nor when it is admitted', async () => {
  await using at = await setting({ peers: [owner, bob] })
  await at.admit([root, twin])
  await at.admit([erasure(owner, secret, [root])])
  const [held] = await at.store.held.get(FRONTIER, [twin.digest])
  assert.is(held!.bytes.length, twin.headerBytes)
  const later = makeNode(dave, 'secret', [root])
  await at.admit([later])
  const [put] = await at.store.held.get(FRONTIER, [later.digest])
  assert.is(put!.bytes.length, later.headerBytes)
  await at.register('hub:carol', carol)
  await at.gate.release({ kind: 'key', id: carol.publicKeyBytes })
  assert.is(await stateOf(at, twin), 'erased')
})

test('a text that is deleted here is left out, here only, and does not come back', async () => {
  await using at = await setting({ peers })
  await at.admit([root, secret])
  await at.gate.leaveOut(secret)
  assert.is(await stateOf(at, secret), 'left-out')
  await at.admit([twin, secret])
  assert.equal([await stateOf(at, secret), await stateOf(at, twin)], ['left-out', 'left-out'])
  await at.log.setTexts([{ seq: 1, state: 'wanted' }])
  await at.admit([secret])
  assert.is(await stateOf(at, secret), 'wanted')
  await at.admit([erasure(bob, secret, [secret])])
  assert.equal([await stateOf(at, secret), await stateOf(at, twin)], ['erased', 'left-out'])
})

test('erasures are known after the store is opened again', async () => {
  await using folder = await scratch()
  const location = folder.join('store')
  {
    await using store = await createLevelDb(location)
    const at = await setting({ store, peers })
    await at.admit([root, erasure(bob, secret, [root]), erasure(owner, makeNode(dave, 'x'), [root])])
    await at.gate.leaveOut({ label: eventLabel('local'), event: sha256(eventText('local')) })
  }
  await using store = await openLevelDb(location)
  const at = await setting({ store })
  const local = makeNode(carol, 'local', [root])
  const x = makeNode(carol, 'x', [root])
  await at.admit([secret, twin, x, local])
  const found = [secret, twin, x, local].map(node => stateOf(at, node))
  assert.equal(await Promise.all(found), ['erased', 'here', 'erased', 'left-out'])
})

function eventLabel(name: string): Uint8Array {
  return makeNode(dave, name).label
}

test('an erasure that was interrupted at any write is finished by the next open', async () => {
  for (let failing = 0; ; failing++) {
    const store = new MemoryStore()
    const log = await store.track(FRONTIER)
    const before = await setting({ store, peers: [owner, bob] })
    await before.admit([root, secret, twin])
    let writes = 0
    const fail = (): void => {
      if (writes++ === failing) throw new ReplicaError('ERR_STORE_IO', 'the disk is full')
    }
    const failingLog = intercept(log, ['commit', 'setTexts'], fail)
    const held = intercept(store.held, ['purge', 'delete', 'put'], fail)
    const records = intercept(store.records, ['write'], fail)
    const broken = await setting({ store, parts: { log: failingLog, held, records } })
    const erases = erasure(owner, secret, [root])
    const failed = await broken.admit([erases]).then(
      () => false,
      () => true,
    )
    const after = await setting({ store })
    await after.gate.finishErasures()
    const isAdmitted = (await stateOf(after, erases)) !== undefined
    const [waiting] = await store.held.get(FRONTIER, [twin.digest])
    assert.is(await stateOf(after, secret), isAdmitted ? 'erased' : 'here', `write ${failing}`)
    assert.is(waiting!.bytes.length, isAdmitted ? twin.headerBytes : twin.bytes.length, `write ${failing}`)
    // The gate whose write failed does not erase what was never admitted.
    if (failing === 0) {
      await broken.admit([erases])
      assert.is(await stateOf(after, secret), 'erased')
    }
    if (failed) continue
    assert.ok(failing >= 3)
    return
  }
})

test('an erasure of a damaged node waits, and other nodes are admitted meanwhile', async () => {
  const store = new MemoryStore()
  const log = await store.track(FRONTIER)
  let isDamaged = true
  const read = (seqs?: unknown): void => {
    if (isDamaged && (seqs as number[]).includes(1)) throw new ReplicaError('ERR_STORE_CORRUPT', 'node 1 is damaged')
  }
  await using at = await setting({ store, peers, parts: { log: intercept(log, ['read'], read) } })
  await at.admit([root, secret])
  await at.admit([erasure(bob, secret, [secret])])
  assert.is((await at.admit([makeNode(dave, 'later', [root])])).admitted, 1)
  assert.is(log.texts().erased, 0)
  isDamaged = false
  await at.gate.finishErasures()
  assert.is(log.texts().erased, 1)
})

/** The same object, except that some methods call `before` first. */
function intercept<T extends object>(of: T, methods: readonly string[], before: (argument?: unknown) => void): T {
  return new Proxy(of, {
    get(target, name) {
      const member = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (methods.includes(String(name))) before(args[0])
        return member.apply(target, args)
      }
    },
  })
}

test('the erasures of a node name the key and the node that erased it', async () => {
  await using at = await setting({ peers })
  const mine = erasure(bob, secret, [secret])
  await at.admit([root, secret, twin, mine, erasure(dave, secret, [mine])])
  const { erasures } = at.gate
  const of = (node: Made, key: Key) => erasures.covering({ ...node, key: key.publicKeyBytes })
  assert.equal(
    of(secret, bob).map(({ digest, key }) => [toHex(digest), toHex(key)]),
    [[toHex(mine.digest), bob.publicKey]],
  )
  assert.equal(of(twin, carol), [])
})

test.run()
