// Numbers of canonical JSON (protocol/event.md, V6–V9): how a number token is read and how a number is printed. Event
// ids are hashes over these spellings, so both follow the reference implementation digit for digit: `1` and `1.0`
// differ, and its reader of floats does not round correctly. Nothing here keeps a number as anything but its canonical
// token.

import { ReplicaError } from '../base/errors.ts'

/**
 * How a float token becomes a double. `reference`: as the reference implementation reads it, up to a few units in the
 * last place off. `exact`: correctly rounded, so that a canonical token is read as itself.
 */
export type NumberReading = 'reference' | 'exact'

const U64_MAX = '18446744073709551615'
const I64_MIN_DIGITS = '9223372036854775808'
const EXPONENT_MAX = 2 ** 31 - 1
const POWERS_OF_TEN = Array.from({ length: 309 }, (_, exponent) => Number(`1e${exponent}`))

/**
 * The canonical spelling of a number token (RFC 8259 grammar, not checked again here).
 * @throws ReplicaError ERR_JSON when it is beyond the range of a double.
 */
export function canonicalNumber(token: string, reading: NumberReading): string {
  if (isInteger(token)) return token
  const value = reading === 'exact' || readsExactly(token) ? Number(token) : referenceDouble(token)
  if (!Number.isFinite(value)) throw new ReplicaError('ERR_JSON', 'a number beyond the range of a double')
  return printFloat(value)
}

/** True when `token` is the canonical spelling of some integer or some finite double. */
export function isCanonicalNumber(token: string): boolean {
  if (isInteger(token)) return true
  const value = Number(token)
  return Number.isFinite(value) && printFloat(value) === token
}

/**
 * Shortest digits that read back correctly rounded; plain with a point while the exponent of the leading digit is −5 to
 * 15, else with an exponent that always shows its sign. JavaScript's own spellings, cut over at other exponents.
 */
export function printFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const magnitude = Math.abs(value)
  if (magnitude < 1e-5 || magnitude >= 1e16) return value.toExponential()
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/**
 * True when a number token without leading zeros is an integer that fits u64 or i64; such a token is canonical already.
 */
function isInteger(token: string): boolean {
  const negative = token.charCodeAt(0) === 0x2d
  const digits = negative ? token.slice(1) : token
  for (let at = 0; at < digits.length; at++) {
    const unit = digits.charCodeAt(at)
    if (unit < 0x30 || unit > 0x39) return false
  }
  if (negative) return digits !== '0' && fits(digits, I64_MIN_DIGITS)
  return fits(digits, U64_MAX)
}

/** Compares digit strings without leading zeros as numbers: `digits` ≤ `max`. */
function fits(digits: string, max: string): boolean {
  return digits.length < max.length || (digits.length === max.length && digits <= max)
}

/** Tokens on which both readings agree: no exponent and so few digits that one division is all the rounding there is. */
function readsExactly(token: string): boolean {
  return token.length <= 16 && !/[eE]/.test(token)
}

/**
 * The reference's reader: digits are gathered in a u64 until the next one would overflow it (integer digits beyond that
 * raise the exponent, fraction digits are ignored), then one multiplication or division by a power of ten, or, below
 * 1e-308, several divisions. Infinity where it refuses.
 */
function referenceDouble(token: string): number {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?)(\d+))?$/.exec(token)
  if (parts === null) throw new TypeError('not a number token')
  const [, minus, integer = '', fraction = '', sign, power = '0'] = parts
  let significand = integer === '0' ? '' : integer
  let exponent = 0
  if (!fits(significand, U64_MAX)) {
    const kept = fits(significand.slice(0, U64_MAX.length), U64_MAX) ? U64_MAX.length : U64_MAX.length - 1
    exponent = significand.length - kept
    significand = significand.slice(0, kept)
  }
  for (const digit of fraction) {
    // The first fraction digit is tried even after integer digits were dropped: so does the reference.
    const next = significand === '' && digit === '0' ? '' : significand + digit
    if (!fits(next, U64_MAX)) break
    significand = next
    exponent -= 1
  }
  const magnitude = Math.min(Number(power), EXPONENT_MAX)
  const value = scale(Number(significand), exponent + (sign === '-' ? -magnitude : magnitude))
  return minus === '-' ? -value : value
}

function scale(significand: number, exponent: number): number {
  if (significand === 0) return 0
  let value = significand
  let rest = exponent
  while (rest < -308 && value !== 0) {
    value /= 1e308
    rest += 308
  }
  if (value === 0) return 0
  if (rest > 308) return Infinity
  return rest >= 0 ? value * POWERS_OF_TEN[rest]! : value / POWERS_OF_TEN[-rest]!
}

const BITS = new DataView(new ArrayBuffer(8))

/** `value` must be finite: JSON has no other numbers. */
export function printFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no decimals`)
  BITS.setFloat64(0, value)
  const bits = BITS.getBigUint64(0)
  const biased = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & ((1n << 52n) - 1n)
  const significand = biased === 0 ? fraction : fraction | (1n << 52n)
  const exponent = Math.max(biased, 1) - 1075
  const digits = roundShift(significand * 10n ** BigInt(decimals), exponent)
    .toString()
    .padStart(decimals + 1, '0')
  const sign = bits >> 63n === 1n ? '-' : ''
  if (decimals === 0) return sign + digits
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

/** number × 2^exponent, to the nearest integer, ties to even. */
function roundShift(number: bigint, exponent: number): bigint {
  if (exponent >= 0) return number << BigInt(exponent)
  const shift = BigInt(-exponent)
  const quotient = number >> shift
  const rest = number - (quotient << shift)
  const half = 1n << (shift - 1n)
  const up = rest > half || (rest === half && (quotient & 1n) === 1n)
  return up ? quotient + 1n : quotient
}
