// Bounds the lines that sessions of clients may write to the log of the operator, by code and
// client address. Lines that are left out are counted, and one line a minute says how many.
// Spec: protocol/clients.md, Q10.

import { CLIENT_LIMITS } from '../../base/client-limits.ts'
import { type SetTimer, systemTimer, type Timer } from '../../base/timer.ts'

const { logLinesPerClient, logLinesPerCode, logClientsMax, logWindowMs } = CLIENT_LIMITS

/** Lines of one code that were left out in one window. */
export interface LinesLeftOut {
  readonly code: string
  readonly count: number
  /** The address with the most lines of this code. */
  readonly address: string
}

export interface LogLimitOptions {
  /** Called at the end of a window for each code of which lines were left out. */
  readonly onLeftOut: (lines: LinesLeftOut) => void
  readonly setTimer?: SetTimer
}

interface CodeCount {
  passed: number
  leftOut: number
  /** Lines by address, at most `logClientsMax`. */
  readonly clients: Map<string, number>
}

/**
 * Counts lines in windows of a minute.
 *
 * @example
 * const log = new LogLimit({ onLeftOut: report })
 * if (log.passes('ERR_SYNC_FRAME', '192.0.2.1')) print(line)
 */
export class LogLimit {
  readonly #options: LogLimitOptions
  readonly #codes = new Map<string, CodeCount>()
  /** Runs from the first line of a window to its end. */
  #window: Timer | undefined

  constructor(options: LogLimitOptions) {
    this.#options = options
  }

  /** Returns whether a line may be written. `code` is one of a bounded set of texts. */
  passes(code: string, address: string): boolean {
    this.#window ??= (this.#options.setTimer ?? systemTimer)(logWindowMs, () => this.end())
    const count = this.#codes.get(code) ?? { passed: 0, leftOut: 0, clients: new Map() }
    this.#codes.set(code, count)
    const ofClient = count.clients.get(address) ?? 0
    const isCounted = ofClient > 0 || count.clients.size < logClientsMax
    if (isCounted) count.clients.set(address, ofClient + 1)
    const passes = isCounted && ofClient < logLinesPerClient && count.passed < logLinesPerCode
    if (passes) count.passed += 1
    else count.leftOut += 1
    return passes
  }

  /** Ends the window now: reports lines that were left out. */
  end(): void {
    this.#window?.stop()
    this.#window = undefined
    const ended = [...this.#codes].filter(([, { leftOut }]) => leftOut > 0)
    this.#codes.clear()
    for (const [code, { leftOut, clients }] of ended) {
      const [address] = [...clients].reduce((most, client) => (client[1] > most[1] ? client : most))
      this.#options.onLeftOut({ code, count: leftOut, address })
    }
  }
}
