// Room for the event loop when many sessions have something to do at once: after so many milliseconds of work in one of its
// turns, each further input of a session waits for a later turn, a few in each. Whoever waits longest goes first.

import { SOCKET_LIMITS } from '../base/limits.ts'
import { readSemaphore } from '../base/semaphore.ts'
import type { Input } from '../sync/connection.ts'
import type { Link } from './link.ts'

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

export type Read = () => Promise<Input>

interface Waiting {
  readonly read: Read
  readonly isBulk: boolean
}

export class ReadQueue {
  readonly #link: Link
  /** Runs a read beside the session, unless that is over: then it answers false. */
  readonly #start: (read: Read) => boolean
  readonly #waiting: Waiting[] = []
  #isTaken = false

  constructor(link: Link, start: (read: Read) => boolean) {
    this.#link = link
    this.#start = start
  }

  add(read: Read, isBulk: boolean): undefined {
    this.#waiting.push({ read, isBulk })
    if (!this.#isTaken) this.next()
  }

  /** What the last read brought has been handed to the link. */
  next(): void {
    const waiting = this.#waiting.shift()
    this.#isTaken = waiting !== undefined
    if (waiting === undefined) return
    const { read, isBulk } = waiting
    this.#link.drained().then(() => {
      if (isBulk) readSemaphore.acquire(() => this.#startInLane(read))
      else this.#start(read)
    })
  }

  #startInLane(read: Read): void {
    const isStarted = this.#start(() => read().finally(() => readSemaphore.release()))
    if (!isStarted) readSemaphore.release()
  }
}
