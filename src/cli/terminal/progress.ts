// One line on a terminal that says how far a long call has come. It appears after a second, is written over in place
// and is gone when the call ends; without a terminal on stderr, or with --quiet, there is none.

import { CLI_LIMITS } from '../../base/limits.ts'
import type { OutputStream } from '../io.ts'
import { escapeText } from './escape.ts'
import { thousands } from './layout.ts'

const CLEAR = '\r\u001b[K'

/** What a call reports while it runs; counts of nodes or events. */
export interface ProgressCounts {
  readonly phase: string
  readonly received?: number
  readonly verified?: number
  /** Kept here. */
  readonly durable?: number
  readonly sent?: number
  /** Kept by the peer. */
  readonly acked?: number
  /** Taken out: events of an export. */
  readonly written?: number
  /** Nodes of the log that were read. */
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

  /** Cheap enough to be called for every batch; draws ten times a second at most and never waits for the terminal. */
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

  /** Runs a task that can't say how far it is: the line says at least what is being done. */
  async during<T>(phase: string, task: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => this.update({ phase }), CLI_LIMITS.progressAfterMs)
    try {
      return await task()
    } finally {
      clearInterval(timer)
      await this.clear()
    }
  }

  /** Takes the line away. Data printed after it starts on a clean line. */
  async clear(): Promise<void> {
    if (!this.#visible) return
    this.#visible = false
    await this.#sink.write(CLEAR)
  }
}

/** `transfer: 12,000 of 100,000 received, 11,264 verified, 11,264 durable, 9,870/s` */
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
  count('durable there', acked)
  count('written', written)
  count('read', read)
  count('replayed', replayed)
  // The rate is that of what is done with, not of what was handed over.
  const taken = sent ? acked : written || replayed || read
  const done = (taken ?? 0) + (durable || verified || received || 0)
  if (done > 0 && elapsedMs > 0) parts.push(`${thousands(Math.round((done * 1000) / elapsedMs))}/s`)
  return parts.length === 0 ? steps.phase : `${steps.phase}: ${parts.join(', ')}`
}
