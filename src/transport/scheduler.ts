// Scheduling of sessions: time of the event loop, reads of nodes, and what the sessions of one
// replica share.
//
// The owner of the sessions makes these objects and injects them, so two hubs in one process share
// nothing.

import { SOCKET_LIMITS } from '../base/limits.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Input } from '../sync/connection.ts'
import { type Link, LinkGroup } from './link.ts'
import { RoundScheduler } from './round-scheduler.ts'

const { turnMsMax, inputsPerTurn, readsAtOnceMax } = SOCKET_LIMITS

/** State that all sessions of one replica share. A session without it makes its own. */
export class SessionScheduling {
  /** Bulk reads of nodes that run at once: at most `readsAtOnceMax`. */
  readonly reads = new Semaphore(readsAtOnceMax)
  /** When live channels start rounds. */
  readonly rounds: RoundScheduler
  /** The links that share the outbound buffer. */
  readonly links = new LinkGroup()

  /** @param options.microsPerChannel see `RoundScheduler` */
  constructor(options: { microsPerChannel?: number } = {}) {
    this.rounds = new RoundScheduler(options.microsPerChannel)
  }
}

/**
 * Yields to the event loop under load. Once sessions have run for `turnMsMax` milliseconds in one
 * iteration, further inputs wait in a FIFO queue, and each later iteration releases `inputsPerTurn`
 * of them, those that go first before the others.
 */
export class EventLoopBudget {
  readonly #first: (() => void)[] = []
  readonly #waiting: (() => void)[] = []
  #turnBegan: number | undefined

  /**
   * Returns undefined while this iteration has time left, else a promise that resolves in a later
   * iteration.
   * @param options.first whether this input goes before those of other sessions that wait
   */
  acquire({ first = false }: { readonly first?: boolean } = {}): Promise<void> | undefined {
    const now = performance.now()
    if (this.#turnBegan === undefined) {
      this.#turnBegan = now
      setImmediate(() => this.#startTurn())
    }
    if (this.#queued === 0 && now - this.#turnBegan < turnMsMax) return undefined
    return new Promise(resolve => {
      const queue = first ? this.#first : this.#waiting
      queue.push(resolve)
    })
  }

  get #queued(): number {
    return this.#first.length + this.#waiting.length
  }

  #startTurn(): void {
    this.#turnBegan = undefined
    const released = this.#first.splice(0, inputsPerTurn)
    released.push(...this.#waiting.splice(0, inputsPerTurn - released.length))
    if (this.#queued > 0) {
      this.#turnBegan = performance.now()
      setImmediate(() => this.#startTurn())
    }
    for (const resolve of released) resolve()
  }
}

/** Reads nodes from the store and returns the input for `step`. */
export type Read = () => Promise<Input>

interface QueuedRead {
  readonly read: Read
  readonly isBulk: boolean
}

/** Dependencies of a read queue. */
export interface ReadQueueOptions {
  readonly link: Link
  /**
   * Caps bulk reads over all sessions of the replica. Reads for live rounds are small and do not
   * wait for it.
   */
  readonly semaphore: Semaphore
  /**
   * Runs a read in the background. Returns false if the session is over; the read does not run
   * then.
   */
  readonly start: (read: Read) => boolean
}

/**
 * Runs the reads of one session one at a time, over all its channels, and only while the link has
 * little to write. At most one batch lies between the store and the link, however much is asked
 * for.
 */
export class ReadQueue {
  readonly #link: Link
  readonly #semaphore: Semaphore
  readonly #start: (read: Read) => boolean
  readonly #queue: QueuedRead[] = []
  #isRunning = false

  constructor({ link, semaphore, start }: ReadQueueOptions) {
    this.#link = link
    this.#semaphore = semaphore
    this.#start = start
  }

  /** Queues a read; runs it at once if no other read runs. */
  add(queued: QueuedRead): undefined {
    this.#queue.push(queued)
    if (!this.#isRunning) this.next()
  }

  /** The batch of the last read is handed to the link: starts the next read. */
  next(): void {
    const queued = this.#queue.shift()
    this.#isRunning = queued !== undefined
    if (queued === undefined) return
    const { read, isBulk } = queued
    this.#link.drained().then(() => {
      if (isBulk) this.#semaphore.acquire(() => this.#startBulk(read))
      else this.#start(read)
    })
  }

  #startBulk(read: Read): void {
    const isStarted = this.#start(() => read().finally(() => this.#semaphore.release()))
    if (!isStarted) this.#semaphore.release()
  }
}
