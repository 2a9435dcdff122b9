// A double with so many decimals, exactly as the reference prints it: its exact value rounded to nearest, ties to even. The texts are
// parts of events and so of their ids. toFixed takes ties up (0.0625 gives 0.063), loses the sign of −0 and gives up at 1e21.

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
