// Reading and printing of floats compared with a second implementation: the reading rule of
// protocol/event.md (V8) digit by digit with bigints, and the properties of printed floats.

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { canonicalNumber, isCanonicalNumber, printFloat } from '../../src/json/number.ts'

const test = suite('json/number')

/** V8, step by step; undefined where the number is out of range. */
function readAsReference(token: string): number | undefined {
  const [, minus, integer = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? []
  const max = 2n ** 64n - 1n
  let s = 0n
  let x = 0n
  let full = false
  for (const digit of integer) {
    const next = s * 10n + BigInt(digit)
    full ||= next > max
    if (full) x += 1n
    else s = next
  }
  for (const digit of fraction) {
    const next = s * 10n + BigInt(digit)
    if (next > max) break
    s = next
    x -= 1n
  }
  let f = Number(s)
  x += BigInt(power.replace('+', ''))
  while (x < -308n && f !== 0) {
    f /= 1e308
    x += 308n
  }
  if (f === 0) return minus === '-' ? -0 : 0
  if (x > 308n) return undefined
  f = x >= 0n ? f * Number(`1e${x}`) : f / Number(`1e${-x}`)
  if (f === Number.POSITIVE_INFINITY) return undefined
  return minus === '-' ? -f : f
}

const digits = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map(list => list.join(''))

/**
 * Float tokens around every edge of the rule: 19 and 20 digits, leading zeros, powers near 22, 308
 * and beyond.
 */
const floatTokens = fc
  .record({
    minus: fc.constantFrom('', '-'),
    integer: fc.oneof(
      digits(1, 25),
      fc.constantFrom('0', '18446744073709551615', '18446744073709551616', '1844674407370955161'),
    ),
    fraction: fc.oneof(
      digits(1, 25),
      digits(0, 6).map(tail => `${'0'.repeat(20)}${tail}`),
      fc.constant(''),
    ),
    power: fc.oneof(fc.integer({ min: -345, max: 330 }), fc.constantFrom(-400, -23, -22, 0, 22, 23, 400, 99999999999)),
  })
  .map(({ minus, integer, fraction, power }) => {
    const point = fraction === '' ? '' : `.${fraction}`
    return `${minus}${integer.replace(/^0+(?=\d)/, '')}${point}e${power}`
  })

test('the reference reading agrees with the rule in bigints', () => {
  fc.assert(
    fc.property(floatTokens, token => {
      const expected = readAsReference(token)
      if (expected === undefined) assert.throws(() => canonicalNumber(token, 'reference'), /range/)
      else assert.is(canonicalNumber(token, 'reference'), printFloat(expected))
    }),
    { numRuns: 3000 },
  )
})

test('both readings agree on short floats', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 53), max: 2 ** 53 }), fc.integer({ min: -22, max: 22 }), (digits, power) => {
      const token = `${digits}e${power}`
      assert.is(canonicalNumber(token, 'reference'), canonicalNumber(token, 'exact'))
    }),
  )
})

const doubles = fc.double({ noNaN: true, noDefaultInfinity: true })

test('a printed float reads back as itself and has one form', () => {
  fc.assert(
    fc.property(doubles, value => {
      const text = printFloat(value)
      assert.ok(Object.is(Number(text), value))
      assert.match(text, /^-?(?:\d+\.\d+|\d(?:\.\d+)?e[+-][1-9]\d*)$/)
      const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1])
      assert.is(text.includes('e'), exponent < -5 || exponent > 15)
      assert.is(canonicalNumber(text, 'exact'), text)
      assert.ok(isCanonicalNumber(text))
    }),
    { numRuns: 2000 },
  )
})

test('no other spelling of a number is canonical', () => {
  fc.assert(
    fc.property(floatTokens, token => {
      let canonical: string | undefined
      try {
        canonical = canonicalNumber(token, 'exact')
      } catch {
        // Out of range.
      }
      assert.is(isCanonicalNumber(token), canonical === token)
    }),
    { numRuns: 1000 },
  )
})

test.run()
