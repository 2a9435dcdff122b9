// The made-up data: the same for ever, shaped like real data, and acceptable to the very code that it is to measure.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { events, headsMany, plan, reachMax, type Shape, shapes, signedNodes } from '../../bench/data.ts'
import { Random } from '../../bench/random.ts'
import { DigestSet, equals, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { NODE_LIMITS } from '../../src/base/limits.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { Key } from '../../src/crypto/key.ts'
import { checkEvent, makeEvent } from '../../src/event/event.ts'
import { decodeNode, signingBytes } from '../../src/node/node.ts'

const test = suite('bench/data')

const frontier = 'vfr_0123456789abcdef'
const keys = [1, 2].map(byte => Key.fromSeed(new Uint8Array(32).fill(byte)))

function fingerprint(parts: Iterable<unknown>): string {
  return toHex(sha256(utf8([...parts].map(part => JSON.stringify(part)).join('\n'))))
}

function headsOf(shape: Shape, count: number): number {
  const parents = new Set([...plan(shape, count)].flatMap(step => step.parents))
  return count - parents.size
}

test('the generator of numbers is the published one, and its bounds hold', () => {
  const random = new Random(1)
  const numbers = Array.from({ length: 4 }, () => random.next())
  assert.equal(numbers, [393288148, 2174103013, 3814759091, 2092745082])
  for (let round = 0; round < 10_000; round++) {
    assert.ok(random.below(7) < 7 && random.unit() < 1)
  }
  assert.is(new Random(2).hex(64).length, 64)
  assert.match(new Random(2).hex(8), /^[0-9a-f]{8}$/)
})

test('a seed gives the same events for ever, another seed others', () => {
  assert.is(fingerprint(events(1, 1000)), 'fc5a2e190a5d79a314b00ef9a639d501e59f02ce45c564e0afed0be70ca0680f')
  assert.is.not(fingerprint(events(2, 1000)), fingerprint(events(1, 1000)))
  assert.is(fingerprint(events(1, 10)), fingerprint([...events(1, 100)].slice(0, 10)))
})

test('every event is admissible, unlike the others, and sizes are those of real events', () => {
  const ids = new Set<string>()
  const sizes = []
  for (const draft of events(7, 4000)) {
    const { text, head } = makeEvent(draft)
    assert.is(checkEvent(text).id, head.id)
    ids.add(head.id)
    sizes.push(text.length)
  }
  sizes.sort((a, b) => a - b)
  assert.is(ids.size, 4000)
  assert.ok(sizes[2000]! > 800 && sizes[2000]! < 1050, `median ${sizes[2000]}`)
  assert.ok(sizes.at(-1)! > 4_000 && sizes.at(-1)! < 30_000, `greatest ${sizes.at(-1)}`)
  assert.ok(sizes[0]! > 400, `least ${sizes[0]}`)
})

for (const shape of shapes) {
  test(`a plan of shape ${shape} names earlier nodes only, ascending, within reach and bounds`, () => {
    let index = 0
    for (const { parents } of plan(shape, 5000)) {
      assert.equal(
        [...new Set(parents)].sort((a, b) => a - b),
        parents,
      )
      assert.ok(parents.every(parent => parent >= 0 && parent < index && index - parent <= reachMax))
      assert.ok(parents.length <= NODE_LIMITS.parentsMax)
      index++
    }
    assert.is(index, 5000)
  })

  test(`signed nodes of shape ${shape} are strict, verify and lie parents first`, () => {
    const seen = new DigestSet()
    for (const made of signedNodes({ seed: 3, shape, count: 150, frontier, keys })) {
      const node = decodeNode(made.bytes)
      assert.ok(equals(node.digest, made.digest))
      assert.is(node.height, made.height)
      assert.ok(verify(node.key, signingBytes(node.body), node.sig))
      assert.ok(node.parents.every(parent => seen.has(parent)))
      seen.add(node.digest)
    }
    assert.is(seen.size, 150)
  })
}

test('the shapes end with the heads that their names promise', () => {
  assert.is(headsOf('chain', 1000), 1)
  assert.is(headsOf('mesh', 1000), 1)
  assert.is(headsOf('mesh', 1005), 2)
  assert.is(headsOf('wide', 1 + 33 * 10), 1)
  assert.is(headsOf('wide', 33 * 10), 32)
  assert.is(headsOf('heads', 500), 499)
  assert.is(headsOf('heads', 5000), headsMany)
})

test('a mesh has two writers that both join', () => {
  const joins = [...plan('mesh', 100)].filter(step => step.parents.length === 2)
  assert.is(joins.length, 10)
  assert.equal([...new Set(joins.map(step => step.writer))], [0, 1])
})

test('a log can go on from nodes that are there', () => {
  const [root] = [...signedNodes({ seed: 1, shape: 'chain', count: 1, frontier, keys })]
  const [first, second] = [...signedNodes({ seed: 2, shape: 'mesh', count: 2, frontier, keys, on: [root!] })]
  assert.equal(first!.parents, [root!.digest])
  assert.equal(second!.parents, [root!.digest])
  assert.is(first!.height, 1)
})

test('a million steps are planned in bounded memory', () => {
  const before = process.memoryUsage().heapUsed
  let last = 0
  for (const { parents } of plan('mesh', 1_000_000)) last = parents[0] ?? last
  assert.ok(last > 999_000)
  assert.ok(process.memoryUsage().heapUsed - before < 64 * 1024 * 1024)
})

test.run()
