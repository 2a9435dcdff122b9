// Seeded random numbers: xoshiro128** (Blackman and Vigna) with its state filled by splitmix32. For
// generated data only, never for keys. Equal seeds give equal numbers on every machine, because
// only 32-bit integer arithmetic is used.

export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    let state = seed | 0
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return mixed ^ (mixed >>> 15)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next()
  }

  /** 32 random bits, as a number from 0 to 2³² − 1. */
  next(): number {
    const product = Math.imul(this.#b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** From 0 up to, not including, `bound`, which is at most 2³². */
  below(bound: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * bound)
  }

  /** From 0 up to, not including, 1. */
  unit(): number {
    return this.next() / 0x1_0000_0000
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** This many lower-case hex digits; a multiple of 4. */
  hex(digits: number): string {
    let text = ''
    while (text.length < digits) {
      const bits = this.next()
      text += hexPairs[bits & 0xff]! + hexPairs[(bits >>> 8) & 0xff]!
      if (text.length < digits) text += hexPairs[(bits >>> 16) & 0xff]! + hexPairs[bits >>> 24]!
    }
    return text
  }
}

const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
