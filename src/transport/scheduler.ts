// Room for the event loop when many sessions have something to do at once: after so many milliseconds of work in one of its
// turns, each further input of a session waits for a later turn, a few in each. Whoever waits longest goes first.

import { SOCKET_LIMITS } from '../base/limits.ts'

const { turnMsMax, inputsPerTurn } = SOCKET_LIMITS

export class EventLoopBudget {
  readonly #waiting: (() => void)[] = []
  #turnBegan: number | undefined

  /** Nothing while there is time left in this turn of the event loop, else a promise of a later one. */
  take(): Promise<void> | undefined {
    const now = performance.now()
    if (this.#turnBegan === undefined) {
      this.#turnBegan = now
      setImmediate(() => this.#turn())
    }
    if (this.#waiting.length === 0 && now - this.#turnBegan < turnMsMax) return undefined
    return new Promise(resolve => {
      this.#waiting.push(resolve)
    })
  }

  #turn(): void {
    this.#turnBegan = undefined
    const next = this.#waiting.splice(0, inputsPerTurn)
    if (this.#waiting.length > 0) {
      this.#turnBegan = performance.now()
      setImmediate(() => this.#turn())
    }
    for (const resolve of next) resolve()
  }
}

/** The one of this process. */
export const breath = new EventLoopBudget()
