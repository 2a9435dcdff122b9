// Numbers of canonical JSON: reads number tokens and prints doubles. Event ids are hashes over
// these spellings, so both follow the reference implementation digit for digit: `1` and `1.0`
// differ, and its float reader does not round correctly. A number is kept as its canonical token.
// Spec: protocol/event.md, V6 to V9.

import { ReplicaError } from '../base/errors.ts'

/**
 * How a float token becomes a double. `reference`: as the reference implementation reads it, with
 * an error of up to a few units in the last place. `exact`: correctly rounded, so that a canonical
 * token is read as itself.
 */
export type NumberReading = 'reference' | 'exact'

const U64_MAX = '18446744073709551615'
const I64_MIN_DIGITS = '9223372036854775808'
const EXPONENT_MAX = 2 ** 31 - 1
const POWERS_OF_TEN = Array.from({ length: 309 }, (_, exponent) => Number(`1e${exponent}`))

/**
 * Returns the canonical spelling of a number token. The token follows the grammar of RFC 8259; that
 * is not checked here.
 * @throws ReplicaError ERR_JSON for a number beyond the range of a double
 */
export function canonicalNumber(token: string, reading: NumberReading): string {
  if (isInteger(token)) return token
  const value = reading === 'exact' || readsExactly(token) ? Number(token) : referenceDouble(token)
  if (!Number.isFinite(value)) throw new ReplicaError('ERR_JSON', 'a number beyond the range of a double')
  return printFloat(value)
}

/** Returns whether `token` is the canonical spelling of an integer or a finite double. */
export function isCanonicalNumber(token: string): boolean {
  if (isInteger(token)) return true
  const value = Number(token)
  return Number.isFinite(value) && printFloat(value) === token
}

/**
 * Returns the shortest digits that read back as `value`: with a decimal point if the exponent of
 * the first digit is −5 to 15, else with an exponent and its sign. JavaScript uses the same
 * spellings with other limits.
 */
export function printFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const magnitude = Math.abs(value)
  if (magnitude < 1e-5 || magnitude >= 1e16) return value.toExponential()
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/**
 * Returns whether a token without leading zeros is an integer that fits u64 or i64. Such a token is
 * canonical.
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

/**
 * Returns whether both readings agree: no exponent, and so few digits that only one division
 * rounds.
 */
function readsExactly(token: string): boolean {
  return token.length <= 16 && !/[eE]/.test(token)
}

/**
 * Reads as the reference does. It collects digits in a u64 until the next digit would overflow;
 * further integer digits raise the exponent, further fraction digits are ignored. Then it
 * multiplies or divides once by a power of ten; below 1e-308 it divides several times. Returns
 * Infinity where the reference refuses.
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
    // Like the reference, this tries the first fraction digit even after integer digits were
    // dropped.
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

/**
 * Prints a double with a fixed number of decimals as the reference does: its exact value, rounded
 * to nearest, ties to even. The texts are parts of events and so of their ids. `toFixed` differs:
 * it rounds ties up (0.0625 gives 0.063), loses the sign of −0 and ends at 1e21.
 * @throws TypeError for NaN and infinities
 */
export function printFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no decimals`)
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
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

/** Returns number × 2^exponent, rounded to the nearest integer, ties to even. */
function roundShift(number: bigint, exponent: number): bigint {
  if (exponent >= 0) return number << BigInt(exponent)
  const shift = BigInt(-exponent)
  const quotient = number >> shift
  const rest = number - (quotient << shift)
  const half = 1n << (shift - 1n)
  const up = rest > half || (rest === half && (quotient & 1n) === 1n)
  return up ? quotient + 1n : quotient
}
