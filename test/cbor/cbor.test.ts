// Strict DAG-CBOR of messages: refused values, views, limits, keys with a meaning for JavaScript,
// and round trips and mutations compared with the library. Single cases:
// protocol/vectors/cbor.json, run by test/node/vectors.test.ts.

import * as dagCbor from '@ipld/dag-cbor'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals, toHex } from '../../src/base/bytes.ts'
import { NODE_LIMITS } from '../../src/base/limits.ts'
import { type CborValue, checkCbor, decodeCbor, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import { codeOf, hex, isTypeError, libraryAgrees } from '../node/referee.ts'

const test = suite('cbor/cbor')

const isUsableKey = (key: string): boolean => !/^(?:[0-9]|\/$|\ufeff)/.test(key)
const keys = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter(isUsableKey),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'asCID', 'bytes', 'length', ''),
)
const texts = fc.string({ unit: 'grapheme' }).filter(text => !text.startsWith('\ufeff'))
const values: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 300 }),
    texts,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(keys, tie('value'), { noNullPrototype: false, maxKeys: 8 }),
  ),
})).value

test('a value decodes as it was encoded, and the library decodes the same', () => {
  fc.assert(
    fc.property(values, value => {
      const bytes = encodeCbor(value)
      const back = decodeCbor(bytes)
      // uvu compares maps without a prototype by their keys; bytes are told apart by the second
      // encoding.
      assert.ok(equals(encodeCbor(back), bytes))
      assert.ok(equals(dagCbor.encode(dagCbor.decode(bytes)), bytes))
    }),
    { numRuns: 500 },
  )
})

test('each kind of value decodes to itself', () => {
  const value = { n: null, t: true, i: -5, s: 'é', b: hex('00ff'), a: [1, [2]], m: { x: 1 } }
  const back = decodeCbor(encodeCbor(value)) as Record<string, unknown>
  assert.equal({ ...back, m: { ...(back.m as object) } }, value)
  assert.is(decodeCbor(encodeCbor(-0)), 0)
})

test('bytes with one byte changed, added or removed are refused, or are the encoding of another value', () => {
  const sample = encodeCbor({
    t: 'want',
    ch: 3,
    ids: hex('ab'.repeat(64)),
    more: [true, null, { why: 'é', n: 70_000 }],
  })
  let accepted = 0
  const judge = (bytes: Uint8Array): void => {
    if (codeOf(() => decodeCbor(bytes)) === 'ERR_CBOR') return
    accepted += 1
    assert.ok(equals(encodeCbor(decodeCbor(bytes)), bytes), toHex(bytes))
    assert.ok(libraryAgrees(bytes), toHex(bytes))
  }
  for (let at = 0; at < sample.length; at += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      judge(Uint8Array.from(sample).fill(byte, at, at + 1))
      judge(Buffer.concat([sample.subarray(0, at), Uint8Array.of(byte), sample.subarray(at)]))
    }
    judge(sample.subarray(0, at))
    judge(Buffer.concat([sample.subarray(0, at), sample.subarray(at + 1)]))
  }
  assert.ok(accepted > 1000)
})

test('random bytes are refused with ERR_CBOR, or are the encoding of a value', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      if (codeOf(() => decodeCbor(bytes)) === undefined) assert.ok(libraryAgrees(bytes))
      codeOf(() => checkCbor(bytes))
    }),
    { numRuns: 5000 },
  )
})

test('byte strings are views into the input, at any offset of its buffer', () => {
  const frame = encodeCbor({ nodes: [hex('0102'), hex('')] })
  const room = Buffer.alloc(frame.length + 7)
  room.set(frame, 7)
  const { nodes } = decodeCbor(room.subarray(7)) as { nodes: Uint8Array[] }
  assert.is(nodes[0]!.buffer, room.buffer)
  assert.is(toHex(nodes[0]!), '0102')
  assert.is(nodes[1]!.length, 0)
})

test('all keys of a map are own properties, and no key reaches a prototype', () => {
  const map = decodeCbor(hex('a2695f5f70726f746f5f5fa161780a6b636f6e7374727563746f7201')) as Record<string, unknown>
  assert.equal([map.constructor, 'hasOwnProperty' in map], [1, false])
  assert.equal(Object.keys(map), ['__proto__', 'constructor'])
  assert.is(map.toString, undefined)
  assert.is(({} as Record<string, unknown>).x, undefined)
  assert.is(toHex(encodeCbor(map as CborValue)), 'a2695f5f70726f746f5f5fa161780a6b636f6e7374727563746f7201')
})

test('the depth limit can be lowered, and counts arrays and maps', () => {
  const three = encodeCbor([{ a: [1] }])
  assert.is(
    codeOf(() => decodeCbor(three, { depthMax: 3 })),
    undefined,
  )
  assert.is(
    codeOf(() => decodeCbor(three, { depthMax: 2 })),
    'ERR_CBOR',
  )
  assert.is(
    codeOf(() => decodeCbor(hex('80'), { depthMax: 0 })),
    'ERR_CBOR',
  )
})

test('two megabytes of arrays, maps or nesting are refused in little memory', () => {
  for (const byte of [0x80, 0xa0, 0x81, 0xd8, 0xf6]) {
    const input = Buffer.alloc(2 * 1024 * 1024, byte)
    input.set(hex('9a001ffffb'))
    const before = process.memoryUsage().rss
    assert.is(
      codeOf(() => decodeCbor(input)),
      'ERR_CBOR',
    )
    assert.ok(process.memoryUsage().rss - before < 120 * 1024 * 1024)
  }
})

test('keys count as items, and encoder and decoder have the same limit', () => {
  // An array of n maps of one member is 1 + 3n items; up to two numbers in front move where the
  // bound falls.
  for (const front of [0, 1, 2]) {
    const most = Math.floor((NODE_LIMITS.cborItemsMax - 1 - front) / 3)
    const bytesOf = (maps: number): Uint8Array => {
      const head = hex(`99${(front + maps).toString(16)}`)
      return Buffer.concat([head, Buffer.alloc(front), Buffer.alloc(maps * 4, hex('a1616100'))])
    }
    const value = decodeCbor(bytesOf(most)) as CborValue[]
    assert.ok(equals(encodeCbor(value), bytesOf(most)))
    assert.is(
      codeOf(() => decodeCbor(bytesOf(most + 1))),
      'ERR_CBOR',
    )
    assert.throws(() => encodeCbor([...value, { a: 0 }]), isTypeError)
  }
})

test('a value that is not allowed in a message is a TypeError', () => {
  class Thing {}
  const circle: unknown[] = []
  circle.push(circle)
  const mistakes: unknown[] = [
    1.5,
    Number.NaN,
    2 ** 53,
    undefined,
    [undefined],
    { a: undefined },
    new Array(1),
    1n,
    circle,
  ]
  for (const value of [...mistakes, new Thing(), new Map(), new Date(), () => 0, Symbol.iterator, new Uint16Array(1)]) {
    assert.throws(() => encodeCbor(value as CborValue), isTypeError)
  }
  let deep: CborValue = 1
  for (let i = 0; i < 33; i += 1) deep = [deep]
  assert.throws(() => encodeCbor(deep), isTypeError)
  assert.throws(() => encodeCbor(new Array(131_072).fill(0)), isTypeError)
})

test('the encoder refuses text that the decoder would refuse', () => {
  const refused: CborValue[] = [
    '\ud800',
    'a\udfff',
    '\ufeffa',
    { '\ud800': 1 },
    { '\ufeff': 1 },
    { '/': 1 },
    { 1023: 1 },
    { '0a': 1 },
  ]
  for (const value of refused) {
    assert.is(
      codeOf(() => encodeCbor(value)),
      'ERR_CBOR',
    )
  }
  for (const text of ['a\ufeff', '\u{1f600}', '']) assert.is(decodeCbor(encodeCbor(text)), text)
})

test.run()
