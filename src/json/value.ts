// What a JSON value is here when nothing may be lost: objects are Maps (so `__proto__` is a key like any other) and
// numbers keep their canonical spelling (so 1.0 stays apart from 1, and 2^64 − 1 stays exact).

import { ReplicaError } from '../base/errors.ts'
import type { NumberReading } from './number.ts'
import { canonicalNumber, printFloat } from './number.ts'

export type Json = null | boolean | string | JsonNumber | Json[] | Map<string, Json>

/** A number by its canonical spelling, which alone tells the integer 1 from the float 1.0. */
export class JsonNumber {
  readonly text: string

  private constructor(text: string) {
    this.text = text
  }

  /** Of a JSON number token, for the reader. @throws ReplicaError ERR_JSON beyond the range of a double */
  static read(token: string, reading: NumberReading): JsonNumber {
    return new JsonNumber(canonicalNumber(token, reading))
  }

  /** An integer from −2^63 to 2^64 − 1. @throws ReplicaError ERR_JSON outside */
  static integer(value: number | bigint): JsonNumber {
    const exact = BigInt(value)
    if (exact < -(2n ** 63n) || exact >= 2n ** 64n)
      throw new ReplicaError('ERR_JSON', `${exact} fits neither i64 nor u64`)
    return new JsonNumber(String(exact))
  }

  /** A float, also where the value is whole: 1 becomes 1.0. @throws ReplicaError ERR_JSON when not finite */
  static float(value: number): JsonNumber {
    if (!Number.isFinite(value)) throw new ReplicaError('ERR_JSON', `${value} has no JSON form`)
    return new JsonNumber(printFloat(value))
  }

  get isInteger(): boolean {
    return !/[.e]/.test(this.text)
  }

  /** The nearest double; exact for every float. */
  toNumber(): number {
    return Number(this.text)
  }

  /** The exact value of an integer; a RangeError or SyntaxError for a float. */
  toBigInt(): bigint {
    return BigInt(this.text)
  }
}

/** True when surrogates come in pairs only. */
export function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
