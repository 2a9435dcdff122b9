// The loop of the fuzzer: mutates inputs of a corpus in memory, keeps those whose outcome is of a new class, and stops with
// a FuzzFailure at the first input that is refused without a type, accepted but not its own encoding, or too slow. All
// randomness comes from the seed.

import { toHex } from '../../src/base/bytes.ts'
import { fuzzTargets, type Target } from './fuzz-targets.ts'

/** No input may take longer. Milliseconds. */
export const hangMs = 1000

const corpusMax = 3000
const inputBytesMax = 64 * 1024

export interface FuzzReport {
  readonly target: string
  readonly inputs: number
  readonly classes: number
  readonly slowestMs: number
}

/** An input that broke a promise. */
export class FuzzFailure extends Error {
  constructor(target: string, input: Uint8Array, cause: unknown) {
    super(`${target}: ${String(cause)}\n  input ${toHex(input)}`, { cause })
  }
}

export interface FuzzOptions {
  readonly seconds: number
  readonly seed: number
  /** Told before each input, so that somebody else can see one that never ends. */
  readonly onInput?: (target: string, input: Uint8Array) => void
}

/** Runs all targets in turn for so many seconds. @throws FuzzFailure */
export function fuzz({ seconds, seed, onInput }: FuzzOptions): FuzzReport[] {
  const random = generator(seed)
  const races = fuzzTargets().map(target => new Race(target, random))
  const end = performance.now() + seconds * 1000
  for (const race of races) race.seed(onInput)
  // Turns of many inputs: the clock is asked rarely, and every target is as warm as it will get.
  while (performance.now() < end) for (const race of races) race.turn(500, onInput)
  return races.map(race => race.report())
}

class Race {
  readonly #target: Target
  readonly #random: (below: number) => number
  readonly #corpus: Uint8Array[] = []
  readonly #classes = new Set<string>()
  #inputs = 0
  #slowestMs = 0

  constructor(target: Target, random: (below: number) => number) {
    this.#target = target
    this.#random = random
  }

  /** Every seed is tried and kept, new outcome or not. */
  seed(onInput: FuzzOptions['onInput']): void {
    for (const input of this.#target.seeds) {
      this.#try(input, onInput)
      this.#corpus.push(input)
    }
  }

  turn(inputs: number, onInput: FuzzOptions['onInput']): void {
    for (let i = 0; i < inputs; i += 1) this.#try(this.#mutant(), onInput)
  }

  report(): FuzzReport {
    const { name: target } = this.#target
    return { target, inputs: this.#inputs, classes: this.#classes.size, slowestMs: this.#slowestMs }
  }

  #try(input: Uint8Array, onInput: FuzzOptions['onInput']): void {
    onInput?.(this.#target.name, input)
    const started = performance.now()
    let outcome: string
    try {
      outcome = this.#target.run(input)
    } catch (error) {
      throw new FuzzFailure(this.#target.name, input, error)
    }
    const took = performance.now() - started
    if (took > hangMs) throw new FuzzFailure(this.#target.name, input, `took ${Math.round(took)} ms`)
    this.#slowestMs = Math.max(this.#slowestMs, took)
    this.#inputs += 1
    if (this.#classes.has(outcome)) return
    this.#classes.add(outcome)
    if (this.#corpus.length < corpusMax) this.#corpus.push(input)
    else this.#corpus[this.#random(corpusMax)] = input
  }

  #pick(): Uint8Array {
    return this.#corpus[this.#random(this.#corpus.length)]!
  }

  /** One to eight changes of an input of the corpus. */
  #mutant(): Uint8Array {
    let bytes: Uint8Array = Uint8Array.from(this.#pick())
    for (let changes = 1 + this.#random(8) * this.#random(2); changes > 0; changes -= 1) bytes = this.#change(bytes)
    return bytes.length > inputBytesMax ? bytes.subarray(0, inputBytesMax) : bytes
  }

  #change(bytes: Uint8Array): Uint8Array {
    const random = this.#random
    const at = random(bytes.length + 1)
    const length = 1 + random(random(4) === 0 ? 64 : 4)
    const before = bytes.subarray(0, at)
    const after = bytes.subarray(at)
    switch (random(9)) {
      case 0:
        return replaced(bytes, at, (bytes[at] ?? 0) ^ (1 << random(8)))
      case 1:
        return replaced(bytes, at, random(256))
      case 2:
        return replaced(bytes, at, (bytes[at] ?? 0) + (random(2) === 0 ? 1 : 255))
      case 3:
        return Buffer.concat([before, after.subarray(length)])
      case 4:
        return Buffer.concat([before, this.#token(), after])
      case 5:
        return Buffer.concat([before, this.#token(), after.subarray(length)])
      case 6:
        return this.#repeated(bytes, at, length)
      case 7: {
        const other = this.#pick()
        return Buffer.concat([before, other.subarray(random(other.length + 1))])
      }
      default:
        return random(8) === 0
          ? before
          : Buffer.concat([before, after.subarray(0, length), before.subarray(-length), after])
    }
  }

  #token(): Uint8Array {
    const { tokens } = this.#target
    return tokens[this.#random(tokens.length)]!
  }

  /** A piece many times over: nesting, long lists, long runs of digits. */
  #repeated(bytes: Uint8Array, at: number, length: number): Uint8Array {
    const times = this.#random(this.#random(20) === 0 ? 2000 : 5)
    const piece = bytes.subarray(at, at + length)
    return Buffer.concat([bytes.subarray(0, at), ...Array.from({ length: times }, () => piece), bytes.subarray(at)])
  }
}

function replaced(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const out = Uint8Array.from(bytes)
  if (at < out.length) out[at] = byte
  return out
}

/** Numbers below a bound, from a 32-bit seed (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}
