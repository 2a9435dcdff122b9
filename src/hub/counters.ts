// What a hub counts while it runs, and what it measures of itself, for its metrics.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { hasCode } from '../base/errors.ts'
import type { ReplicaPort } from '../transport/session.ts'

const RESOLUTION_MS = 10
const DELAY_WINDOW_MS = 60_000

export class HubCounters {
  /** HTTP answers by the first digit of their status. */
  readonly answers = new Map<string, number>([1, 2, 3, 4, 5].map(digit => [`${digit}xx`, 0]))
  connections = 0
  admitted = 0
  known = 0
  held = 0
  refused = 0
  /** The store refuses writes after one has failed, until it is opened again. */
  writesFailed = false
  readonly #startedAt = performance.now()
  #resetAt = performance.now()
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#delay.enable()
  }

  answered(status: number): void {
    const digit = `${Math.floor(status / 100)}xx`
    this.answers.set(digit, (this.answers.get(digit) ?? 0) + 1)
  }

  /** The same services, counting what sessions hand over. */
  counting(services: ReplicaPort): ReplicaPort {
    return {
      ...services,
      admit: async (frontier, blocks, peer) => {
        const admission = await this.#watching(services.admit(frontier, blocks, peer))
        this.admitted += admission.admitted
        this.known += admission.known
        this.held += admission.held.length
        this.refused += admission.refused.length
        return admission
      },
    }
  }

  async #watching<T>(writing: Promise<T>): Promise<T> {
    try {
      return await writing
    } catch (error) {
      if (hasCode(error, 'ERR_STORE_IO')) this.writesFailed = true
      throw error
    }
  }

  get uptimeSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  /** By how much timers are late beyond their interval, in the last minute or two: in seconds. */
  delay(): { p50: number; p99: number; max: number } {
    const over = (nanos: number): number => Math.max(0, nanos / 1e9 - RESOLUTION_MS / 1000)
    const delay = this.#delay
    const taken = { p50: over(delay.percentile(50)), p99: over(delay.percentile(99)), max: over(delay.max) }
    if (performance.now() - this.#resetAt > DELAY_WINDOW_MS) {
      this.#resetAt = performance.now()
      delay.reset()
    }
    return taken
  }

  close(): void {
    this.#delay.disable()
  }
}
