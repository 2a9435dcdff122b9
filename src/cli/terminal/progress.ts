// Shows the progress of a long call on one line of the terminal. The line appears after a second,
// is overwritten in place and is removed when the call ends. Without a terminal on stderr, or with
// --quiet, nothing is shown.

import { CLI_LIMITS } from '../../base/cli-limits.ts'
import type { OutputStream } from '../io.ts'
import { escapeText } from './escape.ts'
import { thousands } from './layout.ts'

const CLEAR = '\r\u001b[K'

/** Progress of a call: counts of nodes or events. */
export interface ProgressCounts {
  readonly phase: string
  readonly received?: number
  readonly verified?: number
  /** Durable in this store. */
  readonly durable?: number
  readonly sent?: number
  /** Durable at the peer. */
  readonly acked?: number
  /** Events written by an export. */
  readonly written?: number
  /** Nodes read from the log. */
  readonly read?: number
  readonly replayed?: number
  readonly total?: number
}

export class ProgressLine {
  readonly #sink: OutputStream
  readonly #now: () => number
  readonly #enabled: boolean
  readonly #started: number
  #drawnAt = Number.NEGATIVE_INFINITY
  #writing = false
  #visible = false

  constructor(sink: OutputStream, options: { quiet: boolean; now?: () => number }) {
    this.#sink = sink
    this.#now = options.now ?? (() => performance.now())
    this.#enabled = sink.terminal && !options.quiet
    this.#started = this.#now()
  }

  /**
   * Draws at most once in `progressEveryMs` and never waits for the terminal. Cheap enough for each
   * batch.
   */
  readonly update = (steps: ProgressCounts): void => {
    if (!this.#enabled || this.#writing) return
    const now = this.#now()
    if (now - this.#started < CLI_LIMITS.progressAfterMs || now - this.#drawnAt < CLI_LIMITS.progressEveryMs) return
    this.#drawnAt = now
    this.#visible = true
    this.#writing = true
    const line = escapeText(describe(steps, now - this.#started)).slice(0, Math.max(1, this.#sink.columns - 1))
    this.#sink
      .write(CLEAR + line)
      .catch(() => {})
      .finally(() => {
        this.#writing = false
      })
  }

  /** Runs a task without progress counts; the line shows the phase. */
  async during<T>(phase: string, task: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => this.update({ phase }), CLI_LIMITS.progressAfterMs)
    try {
      return await task()
    } finally {
      clearInterval(timer)
      await this.clear()
    }
  }

  /** Removes the line, so that later output starts on an empty line. */
  async clear(): Promise<void> {
    if (!this.#visible) return
    this.#visible = false
    await this.#sink.write(CLEAR)
  }
}

/** Returns a line such as `transfer: 12,000 of 100,000 received, 11,264 verified, 9,870/s`. */
export function describe(steps: ProgressCounts, elapsedMs: number): string {
  const parts: string[] = []
  const count = (word: string, value: number | undefined): void => {
    if (value === undefined || value === 0) return
    const of = parts.length === 0 && steps.total !== undefined && steps.total > 0 ? ` of ${thousands(steps.total)}` : ''
    parts.push(`${thousands(value)}${of} ${word}`)
  }
  const { received, verified, durable, sent, acked, written, read, replayed } = steps
  count('received', received)
  count('verified', verified)
  count('durable', durable)
  count('sent', sent)
  count('durable at the peer', acked)
  count('written', written)
  count('read', read)
  count('replayed', replayed)
  // The rate counts completed items, not items in transit.
  const taken = sent ? acked : written || replayed || read
  const done = (taken ?? 0) + (durable || verified || received || 0)
  if (done > 0 && elapsedMs > 0) parts.push(`${thousands(Math.round((done * 1000) / elapsedMs))}/s`)
  return parts.length === 0 ? steps.phase : `${steps.phase}: ${parts.join(', ')}`
}
