// Time of an event's creation, carried in the event: nanoseconds of CLOCK_MONOTONIC, which all
// processes of a machine share. The receiver of an event so computes its age without matching it
// with another record.

import type { TimedDraft } from '../data.ts'

const MARK = Buffer.from('"bench_at":"')
const DIGITS_MAX = 20

/** Returns the draft with the current time. */
export function stamped(draft: TimedDraft): TimedDraft {
  return { ...draft, payload: { ...(draft.payload as object | null), bench_at: String(process.hrtime.bigint()) } }
}

/** Returns the milliseconds since the event of a node was made. @throws Error without a stamp */
export function ageMs(node: Uint8Array, now: bigint): number {
  const bytes = Buffer.from(node.buffer, node.byteOffset, node.length)
  const from = bytes.indexOf(MARK) + MARK.length
  const to = bytes.indexOf('"', from)
  if (from < MARK.length || to < 0 || to - from > DIGITS_MAX)
    throw new Error('an event without the time it was made at')
  return Number(now - BigInt(bytes.toString('latin1', from, to))) / 1e6
}

/** Samples of a duration: median and high percentiles, in milliseconds. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly most: number
}

export class Latencies {
  #values = new Float64Array(1024)
  #count = 0

  add(ms: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(2 * this.#count)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.#count] = ms
    this.#count += 1
  }

  get count(): number {
    return this.#count
  }

  clear(): void {
    this.#count = 0
  }

  spread(): Spread {
    const sorted = this.#values.slice(0, this.#count).sort()
    const at = (share: number): number =>
      sorted[Math.min(this.#count - 1, Math.floor(share * this.#count))] ?? Number.NaN
    return { count: this.#count, p50: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1) }
  }
}
