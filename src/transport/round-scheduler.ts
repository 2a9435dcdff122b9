// How often live channels start rounds, over all sessions of this process. A round costs about the same whether it carries
// one node or a hundred, so with many channels each waits a while after its last one, and carries what has come meanwhile.
// Starts that fall together are spread over turns of the event loop, so that reading sockets goes on between them.

import { LIVE_LIMITS } from '../base/limits.ts'

const { paceMicrosPerChannel, paceMsMin, startsPerTurnMax } = LIVE_LIMITS

/** One channel's turn to start rounds. */
export interface RoundSlot {
  /** Calls `start` as soon as this channel may start a round; not at all once it has left. One call at a time. */
  schedule(start: () => void): void
  leave(): void
}

export class RoundScheduler {
  readonly #microsPerChannel: number
  readonly #ready: (() => void)[] = []
  #members = 0
  #isDraining = false

  /** 0: nobody waits, and no clock is read. */
  constructor(microsPerChannel: number = paceMicrosPerChannel) {
    this.#microsPerChannel = microsPerChannel
  }

  /** Milliseconds between two starts of one channel, as many as there are now. */
  get intervalMs(): number {
    const interval = (this.#members * this.#microsPerChannel) / 1000
    return interval < paceMsMin ? 0 : interval
  }

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
