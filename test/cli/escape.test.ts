import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { escapeJson, escapeText } from '../../src/cli/terminal/escape.ts'

const test = suite('cli/escape')

/** Returns whether a terminal interprets or hides a code point. */
function isUnsafe(point: number): boolean {
  const ranges: [number, number][] = [
    [0x00, 0x1f],
    [0x7f, 0x9f],
    [0x61c, 0x61c],
    [0x200b, 0x200b],
    [0x200e, 0x200f],
    [0x2028, 0x202e],
    [0x2060, 0x206f],
    [0xd800, 0xdfff],
    [0xfeff, 0xfeff],
    [0xfff9, 0xfffb],
    [0xe0000, 0xe007f],
  ]
  return ranges.some(([from, to]) => point >= from && point <= to)
}

function points(text: string): number[] {
  return [...text].map(character => character.codePointAt(0)!)
}

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)) })

test('an escape sequence becomes visible text', () => {
  assert.is(escapeText('a\u001b[31mred\u0007'), 'a\\u{1b}[31mred\\u{7}')
})

test('a line break in a text does not break the line', () => {
  assert.is(escapeText('one\ntwo\r\u2028three'), 'one\\u{a}two\\u{d}\\u{2028}three')
})

test('marks that reorder text become visible', () => {
  assert.is(escapeText('file\u202egnp.exe'), 'file\\u{202e}gnp.exe')
  assert.is(escapeText('\u2066a\u2069'), '\\u{2066}a\\u{2069}')
})

test('the eight-bit control sequence introducer is escaped', () => {
  assert.is(escapeText('\u009b31m'), '\\u{9b}31m')
})

test('letters of all scripts, joiners and emoji stay', () => {
  for (const text of ['Zürich', 'हिन्दी', 'می‌خواهم', '👩‍🔬', '東京', 'a b  c', '\\u{1b}'])
    assert.is(escapeText(text), text)
})

test('a lone surrogate and an invisible tag become visible', () => {
  assert.is(escapeText('x\ud800y'), 'x\\u{d800}y')
  assert.is(escapeText('\u{e0041}'), '\\u{e0041}')
})

test('escaping leaves nothing unsafe and is idempotent', () => {
  fc.assert(
    fc.property(anyText, text => {
      const escaped = escapeText(text)
      assert.not(points(escaped).some(isUnsafe))
      assert.is(escapeText(escaped), escaped)
    }),
  )
})

test('a code point is escaped exactly if it is unsafe', () => {
  for (let point = 0; point <= 0x10ffff; point++) {
    const text = String.fromCodePoint(point)
    if ((escapeText(text) !== text) !== isUnsafe(point)) assert.unreachable(`U+${point.toString(16)}`)
  }
})

test('escaped JSON has the same value and no control characters', () => {
  fc.assert(
    fc.property(fc.jsonValue(), anyText, (value, text) => {
      const json = JSON.stringify({ value, text })
      const escaped = escapeJson(json)
      assert.equal(JSON.parse(escaped), JSON.parse(json))
      assert.not(points(escaped).some(isUnsafe))
    }),
  )
})

test.run()
