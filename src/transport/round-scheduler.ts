// Rate limit for the rounds of live channels.
// A round costs about the same for one node as for a hundred. With many channels, each one waits
// after its last round and then sends everything that has come in the meantime. Simultaneous starts
// are spread over iterations of the event loop, so that sockets are read in between.

import { LIVE_LIMITS } from '../base/limits.ts'

const { paceMicrosPerChannel, paceMsMin, startsPerTurnMax } = LIVE_LIMITS

/** The right of one channel to start rounds. */
export interface RoundSlot {
  /**
   * Calls `start` once this channel may start a round, or never after `leave`. One call at a time.
   */
  schedule(start: () => void): void
  /** Removes the channel. */
  leave(): void
}

/** Spaces the rounds of all channels that joined it. */
export class RoundScheduler {
  readonly #microsPerChannel: number
  readonly #ready: (() => void)[] = []
  #members = 0
  #isDraining = false

  /**
   * @param microsPerChannel microseconds that each channel adds to the interval; 0: no channel
   * waits
   */
  constructor(microsPerChannel: number = paceMicrosPerChannel) {
    this.#microsPerChannel = microsPerChannel
  }

  /** Milliseconds between two rounds of one channel, for the present number of channels. */
  get intervalMs(): number {
    const interval = (this.#members * this.#microsPerChannel) / 1000
    return interval < paceMsMin ? 0 : interval
  }

  /** Adds a channel. */
  join(): RoundSlot {
    this.#members += 1
    let isMember = true
    let last = Number.NEGATIVE_INFINITY
    let timer: NodeJS.Timeout | undefined
    return {
      schedule: start => {
        const run = (): void => {
          if (!isMember) return
          last = performance.now()
          start()
        }
        const { intervalMs } = this
        if (intervalMs === 0) return run()
        const wait = last + intervalMs - performance.now()
        if (wait <= 0) return this.#enqueue(run)
        timer = setTimeout(() => this.#enqueue(run), wait)
      },
      leave: () => {
        if (isMember) this.#members -= 1
        isMember = false
        clearTimeout(timer)
      },
    }
  }

  #enqueue(run: () => void): void {
    this.#ready.push(run)
    if (this.#isDraining) return
    this.#isDraining = true
    setImmediate(() => this.#drain())
  }

  #drain(): void {
    for (const run of this.#ready.splice(0, startsPerTurnMax)) run()
    this.#isDraining = this.#ready.length > 0
    if (this.#isDraining) setImmediate(() => this.#drain())
  }
}
