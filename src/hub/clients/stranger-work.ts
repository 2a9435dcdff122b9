// Bounds the processor time that requests of strangers take. Their work runs in short turns, one at
// a time, round robin by client address. While sessions of registered keys have work, it rests as
// long as it worked. Each address has a token bucket over the time of its HTTP requests.
// Spec: protocol/clients.md, Q11 and Q12.

import { CLIENT_LIMITS } from '../../base/client-limits.ts'
import { ReplicaError } from '../../base/errors.ts'
import { LruMap } from '../../base/lru-map.ts'
import { TokenBucket } from './token-bucket.ts'

const { registeredMs, workTurnMsMax, workBurstMs, workPart, workClientsMax } = CLIENT_LIMITS

/** The address under which a client counts; undefined: no limit per address. */
type Group = string | undefined

/**
 * The work of all strangers at one hub.
 *
 * @example
 * const work = strangerWork.begin(group)
 * for (const row of rows) {
 *   await work.pause()
 *   examine(row)
 * }
 * work.end()
 */
export class StrangerWork {
  readonly #buckets = new LruMap<string, TokenBucket>(workClientsMax)
  /** Waiting turns by address; the address that had a turn last is the last one. */
  readonly #waiting = new Map<Group, (() => void)[]>()
  #isTaken = false
  /** Time worked since the last rest. */
  #workedMs = 0
  #registeredAt = Number.NEGATIVE_INFINITY

  /** Whether a session of a registered key had work a moment ago. */
  get isContended(): boolean {
    return performance.now() - this.#registeredAt < registeredMs
  }

  /** A session of a registered key has work. */
  noteRegistered(): void {
    this.#registeredAt = performance.now()
  }

  /**
   * Runs a task of a session in a turn of this address. `moreMs`: work that the task causes after
   * its end.
   */
  async run<T>(group: Group, task: () => Promise<T>, moreMs = 0): Promise<T> {
    await this.#turn(group)
    const since = performance.now()
    try {
      return await task()
    } finally {
      this.#rest(performance.now() - since + moreMs)
    }
  }

  /**
   * Begins a request of a client.
   * @throws ReplicaError ERR_HTTP_BUSY if its address has used up its time
   */
  begin(group: Group): ClientWork {
    if (group !== undefined && !this.#bucketOf(group).hasTokens)
      throw new ReplicaError('ERR_HTTP_BUSY', 'requests of this address have used up their time: try again later')
    return new ClientWork({
      turn: () => this.#turn(group),
      done: ms => this.#done(group, ms),
    })
  }

  #bucketOf(group: string): TokenBucket {
    const known = this.#buckets.get(group)
    if (known !== undefined) return known
    const bucket = new TokenBucket({ burst: workBurstMs, part: workPart, clock: () => performance.now() })
    this.#buckets.set(group, bucket)
    return bucket
  }

  #turn(group: Group): Promise<void> {
    if (!this.#isTaken) {
      this.#isTaken = true
      return Promise.resolve()
    }
    return new Promise(resolve => {
      const waiting = this.#waiting.get(group)
      if (waiting === undefined) this.#waiting.set(group, [resolve])
      else waiting.push(resolve)
    })
  }

  #done(group: Group, ms: number): void {
    if (group !== undefined) this.#bucketOf(group).consume(ms)
    this.#rest(ms)
  }

  /** Gives the turn to the next address, after a rest if registered sessions have work. */
  #rest(ms: number): void {
    this.#workedMs = this.isContended ? this.#workedMs + ms : 0
    if (this.#workedMs < workTurnMsMax) return void setImmediate(() => this.#next())
    setTimeout(() => this.#next(), this.#workedMs)
    this.#workedMs = 0
  }

  #next(): void {
    for (const [group, waiting] of this.#waiting) {
      const resolve = waiting.shift()!
      this.#waiting.delete(group)
      if (waiting.length > 0) this.#waiting.set(group, waiting)
      return resolve()
    }
    this.#isTaken = false
  }
}

/** The work of one request. Only one at a time has the turn. */
export class ClientWork {
  readonly #lane: { readonly turn: () => Promise<void>; readonly done: (ms: number) => void }
  /** When the turn began; undefined without one. */
  #since: number | undefined

  constructor(lane: { readonly turn: () => Promise<void>; readonly done: (ms: number) => void }) {
    this.#lane = lane
  }

  /**
   * Returns undefined while this turn has time left, else a promise for the next turn. The owner of
   * a turn does not wait for anything slow: it calls `end` first.
   */
  pause(): Promise<void> | undefined {
    if (this.#since !== undefined && performance.now() - this.#since < workTurnMsMax) return undefined
    this.end()
    return this.#lane.turn().then(() => {
      this.#since = performance.now()
    })
  }

  /** Gives the turn back. `pause` takes another. */
  end(): void {
    if (this.#since === undefined) return
    const ms = performance.now() - this.#since
    this.#since = undefined
    this.#lane.done(ms)
  }
}
