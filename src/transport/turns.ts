// Reads of nodes take turns: one batch at a time over all channels of a session, and only while little waits to be written.
// So what lies between the store and the network is one batch and the outbound buffer, whoever asks for how much. Bulk reads
// of all sessions share a lane besides; what follows live is little and doesn't wait behind them.

import { readSemaphore } from '../base/semaphore.ts'
import type { Input } from '../sync/connection.ts'
import type { Link } from './link.ts'

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
