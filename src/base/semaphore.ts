// How many batches of nodes are read at once over all sessions of this process. Many sessions that catch up at the same time
// would else bring their batches in one turn of the event loop, and hold everything else up for as long as they all take.

import { SOCKET_LIMITS } from './limits.ts'

export class Semaphore {
  readonly #width: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(width: number = SOCKET_LIMITS.readsAtOnceMax) {
    this.#width = width
  }

  /** Calls `start` when there is room, which is taken until `leave`. */
  acquire(start: () => void): void {
    if (this.#taken < this.#width) {
      this.#taken += 1
      start()
    } else this.#waiting.push(start)
  }

  /** The room goes to whoever waits longest, after the sockets have been looked at. */
  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken -= 1
    else setImmediate(next)
  }
}

/** The one of this process. */
export const readSemaphore = new Semaphore()
