// Lossless values: reading and printing keep every value. A value without a JSON form is a
// ReplicaError, a programming mistake a TypeError.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { compareText } from '../../src/base/text.ts'
import { fromJson, isCanonical, parseJson, printJson, toJson } from '../../src/json/json.ts'
import { type Json, JsonNumber } from '../../src/json/value.ts'

const test = suite('json/json')

const refused = (run: () => unknown): void => assert.throws(run, (error: unknown) => hasCode(error, 'ERR_JSON'))
const mistaken = (run: () => unknown): void => assert.throws(run, (error: unknown) => error instanceof TypeError)

test('integers, floats and keys survive parsing and printing', () => {
  const text = '{"":18446744073709551615,"__proto__":1.0,"a":[1,1.0,-0.0,1e+16,-9223372036854775808]}'
  assert.is(printJson(parseJson(text)), text)
  const value = parseJson(text) as Map<string, Json>
  assert.is((value.get('') as JsonNumber).toBigInt(), 18446744073709551615n)
  assert.is((value.get('__proto__') as JsonNumber).isInteger, false)
})

test('toJson converts whole numbers to integers and other numbers to floats', () => {
  const date = { a: 1, b: 0.5, c: -0, d: 5n, e: [true, null, 'x'], f: undefined, g: 2 ** 53, h: 1e20 }
  const text = '{"a":1,"b":0.5,"c":-0.0,"d":5,"e":[true,null,"x"],"g":9007199254740992,"h":1e+20}'
  assert.is(printJson(toJson(date)), text)
})

test('lossless values inside plain ones stay as they are', () => {
  const value = { a: parseJson('[1.0,1]'), b: JsonNumber.float(2), c: new Map([['k', JsonNumber.integer(3)]]) }
  assert.is(printJson(toJson(value)), '{"a":[1.0,1],"b":2.0,"c":{"k":3}}')
  const parsed = parseJson('{"b":[1.0,{"c":1}],"a":0.1}')
  assert.is(printJson(toJson(parsed)), printJson(parsed))
})

test('fromJson returns plain JavaScript, with bigints where a number would round', () => {
  const view = fromJson(parseJson('{"a":[1,1.0,0.5,null,"x",true],"b":18446744073709551615,"__proto__":{"c":1}}')) as {
    a: unknown
    b: unknown
  }
  assert.equal(view.a, [1, 1, 0.5, null, 'x', true])
  assert.is(view.b, 18446744073709551615n)
  assert.equal(Object.keys(view), ['a', 'b', '__proto__'])
  assert.is(Object.getPrototypeOf(view), Object.prototype)
})

test('a string and its bytes are both canonical or both not', () => {
  for (const text of ['{"a":1.0}', '"é😀"', '{"a": 1}', '1.00', '', '{"b":1,"a":2}'])
    assert.is(isCanonical(text), isCanonical(utf8(text)), text)
  assert.is(isCanonical('{"a":1.0}'), true)
  assert.is(isCanonical('"\ud800"'), false)
})

test('values without a JSON form are refused', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 2n ** 64n, -(2n ** 63n) - 1n, '\ud800', { '\udc00': 1 }])
    refused(() => toJson(value))
  refused(() => printJson('\ud800'))
  refused(() => parseJson('"\ud800"'))
})

test('functions and class instances are a TypeError', () => {
  for (const value of [undefined, () => 1, Symbol('x'), [undefined], new Date(0), new Uint8Array(2)])
    mistaken(() => toJson(value))
})

test('values deeper than 127 levels are refused, also cycles', () => {
  const nest = (levels: number): unknown[] => {
    let value: unknown[] = []
    for (let i = 1; i < levels; i++) value = [value]
    return value
  }
  assert.is(printJson(toJson(nest(127))).length, 254)
  refused(() => toJson(nest(128)))
  const circle: Json[] = []
  circle.push(circle)
  refused(() => toJson(circle))
  refused(() => printJson(circle))
  refused(() => fromJson(circle))
})

test('errors of the parser state the offset', () => {
  for (const [text, offset] of [
    ['[1,]', 3],
    ['{"a":1 "b"}', 7],
    ['"a\nb"', 2],
    ['[1] 2', 4],
    ['', 0],
  ] as const)
    assert.throws(
      () => parseJson(text),
      (error: unknown) => hasCode(error, 'ERR_JSON') && error.facts.offset === offset,
    )
})

test('texts are ordered by code point', () => {
  const sorted = [
    '',
    '\n',
    ' ',
    '!',
    '"',
    'a',
    'a!',
    'aa',
    'b',
    '\u007f',
    'é',
    '\ud7ff',
    '\ue000',
    '\uff5e',
    '😀',
    '😀a',
  ]
  assert.equal([...sorted].reverse().sort(compareText), sorted)
  assert.equal(
    [...sorted].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    sorted,
  )
})

test('an error about a value names its place', () => {
  const deep = { a: { b: { c: { d: { e: { f: { g: { h: { i: Number.NaN } } } } } } } } }
  for (const [value, place] of [
    [{ payload: { doses: [1, 2, undefined] } }, 'payload.doses[2]'],
    [{ m: [[10n ** 30n]] }, 'm[0][0]'],
    [{ when: new Date(0) }, 'when'],
    [{ m: new Map<unknown, unknown>([[1, 2]]) }, 'm'],
    [deep, '….b.c.d.e.f.g.h.i'],
  ] as const) {
    assert.throws(
      () => toJson(value),
      (error: Error) =>
        error.message.endsWith(` has no JSON form, at ${place}`) || error.message.endsWith(`u64, at ${place}`),
    )
  }
  assert.throws(
    () => toJson(undefined),
    (error: Error) => !error.message.includes(', at '),
  )
})

test.run()
