// Lossless JSON values: objects are Maps, so `__proto__` is an ordinary key; numbers keep their
// canonical spelling, so 1.0 differs from 1 and 2^64 − 1 stays exact.

import { ReplicaError } from '../base/errors.ts'
import type { NumberReading } from './number.ts'
import { canonicalNumber, printFloat } from './number.ts'

/** A JSON value. */
export type Json = null | boolean | string | JsonNumber | Json[] | Map<string, Json>

/**
 * A number as its canonical spelling, which distinguishes the integer 1 from the float 1.0.
 *
 * @example
 * JsonNumber.float(1).text // '1.0'
 * JsonNumber.integer(2n ** 64n - 1n).text // '18446744073709551615'
 */
export class JsonNumber {
  readonly text: string

  private constructor(text: string) {
    this.text = text
  }

  /** Reads a JSON number token. @throws ReplicaError ERR_JSON beyond the range of a double */
  static read(token: string, reading: NumberReading): JsonNumber {
    return new JsonNumber(canonicalNumber(token, reading))
  }

  /** Makes an integer from −2^63 to 2^64 − 1. @throws ReplicaError ERR_JSON for others */
  static integer(value: number | bigint): JsonNumber {
    const exact = BigInt(value)
    if (exact < -(2n ** 63n) || exact >= 2n ** 64n)
      throw new ReplicaError('ERR_JSON', `${exact} fits neither i64 nor u64`)
    return new JsonNumber(String(exact))
  }

  /**
   * Makes a float, also of a whole value: 1 becomes 1.0.
   * @throws ReplicaError ERR_JSON unless finite
   */
  static float(value: number): JsonNumber {
    if (!Number.isFinite(value)) throw new ReplicaError('ERR_JSON', `${value} has no JSON form`)
    return new JsonNumber(printFloat(value))
  }

  /** Whether the spelling is that of an integer. */
  get isInteger(): boolean {
    return !/[.e]/.test(this.text)
  }

  /** Returns the nearest double, which is exact for every float. */
  toNumber(): number {
    return Number(this.text)
  }

  /** Returns the exact value of an integer. @throws RangeError or SyntaxError for a float */
  toBigInt(): bigint {
    return BigInt(this.text)
  }
}

/** Returns whether the text has no lone surrogate. */
export function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
