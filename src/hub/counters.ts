// Counts what a hub does and measures its event loop, for its metrics.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { hasCode } from '../base/errors.ts'
import type { ReplicaPort } from '../transport/session.ts'

const RESOLUTION_MS = 10
const DELAY_WINDOW_MS = 60_000

/**
 * Counters of one hub. `close` ends the measurement of the event loop.
 *
 * @example
 * const counters = new HubCounters()
 * counters.countResponse(200)
 * counters.close()
 */
export class HubCounters {
  /** HTTP responses by the first digit of their status. */
  readonly responses = new Map<string, number>([1, 2, 3, 4, 5].map(digit => [`${digit}xx`, 0]))
  admitted = 0
  known = 0
  held = 0
  refused = 0
  /** Requests and sessions that found damage in the store. */
  damaged = 0
  readonly #startedAt = performance.now()
  #resetAt = performance.now()
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#delay.enable()
  }

  countResponse(status: number): void {
    const digit = `${Math.floor(status / 100)}xx`
    this.responses.set(digit, (this.responses.get(digit) ?? 0) + 1)
  }

  /** Counts an error with which a request or session ended, if it is damage of the store. */
  countError(error: unknown): void {
    if (hasCode(error, 'ERR_STORE_CORRUPT')) this.damaged += 1
  }

  /** Returns `port` with an `admit` that also counts its results. */
  counting(port: ReplicaPort): ReplicaPort {
    return {
      ...port,
      admit: async (frontier, blocks, peer) => {
        const admission = await port.admit(frontier, blocks, peer)
        this.admitted += admission.admitted
        this.known += admission.known
        this.held += admission.held.length
        this.refused += admission.refused.length
        return admission
      },
    }
  }

  get uptimeSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  /**
   * Returns the delay of timers beyond their interval, in seconds, over the last one to two
   * minutes.
   */
  delay(): { p50: number; p99: number; max: number } {
    const toSeconds = (nanos: number): number => Math.max(0, nanos / 1e9 - RESOLUTION_MS / 1000)
    const delay = this.#delay
    const p50 = toSeconds(delay.percentile(50))
    const p99 = toSeconds(delay.percentile(99))
    const max = toSeconds(delay.max)
    if (performance.now() - this.#resetAt > DELAY_WINDOW_MS) {
      this.#resetAt = performance.now()
      delay.reset()
    }
    return { p50, p99, max }
  }

  close(): void {
    this.#delay.disable()
  }
}
