// Decides, by a seed, when each frame of several sessions arrives and what becomes of it. Nothing here waits for a clock: a
// frame is released only when all replicas have come to rest, and alarms ring when nothing is on the way any more. So a
// session that waits for something that can never come is found as such, and every run can be had again.

import { SOCKET_LIMITS } from '../../src/base/limits.ts'
import type { LinkFault } from '../../src/transport/link.ts'
import type { ReplicaPort } from '../../src/transport/session.ts'
import type { Random } from './random.ts'
import { Alarms } from './raw-peer.ts'

/** How often a frame of a session is lost, comes twice, or is the last. */
export interface Faults {
  readonly drop: number
  readonly duplicate: number
  readonly cut: number
}

export class Scheduler {
  readonly alarms = new Alarms()
  readonly #random: Random
  readonly #waiting: (() => void)[] = []
  #busy = 0
  #steps = 0
  #disturbed = false

  constructor(random: Random) {
    this.#random = random
  }

  /** The fate of each frame of one session, decided when it is sent and carried out when it is released. */
  fate(faults: Faults): () => Promise<LinkFault> {
    return () => {
      this.#steps += 1
      const fate = this.#choose(faults)
      if (fate !== 'deliver') this.#disturbed = true
      return new Promise(resolve => this.#waiting.push(() => resolve(fate)))
    }
  }

  /** Counts the work of a replica, so that its rest is known. */
  watch(services: ReplicaPort): ReplicaPort {
    return new Proxy(services, {
      get: (target, name) => {
        const method = target[name as keyof ReplicaPort] as (...args: unknown[]) => Promise<unknown>
        return async (...args: unknown[]) => this.#work(() => method.apply(target, args))
      },
    })
  }

  /** Runs sessions to their end. @throws TypeError when they wait for each other for ever although nothing was lost */
  async run<T>(sessions: readonly Promise<T>[]): Promise<T[]> {
    let isDone = false
    this.#disturbed = false
    const all = Promise.all(sessions).finally(() => {
      isDone = true
    })
    all.catch(() => {}) // thrown below
    while (!isDone) {
      await this.#rest()
      if (isDone) break
      const release = this.#waiting.splice(this.#random.below(this.#waiting.length), 1)[0]
      if (release !== undefined) {
        release()
        continue
      }
      if (!this.#disturbed) throw new TypeError('sessions wait for each other, and nothing was lost')
      this.alarms.ring(SOCKET_LIMITS.handshakeMsMax)
      this.alarms.ring(SOCKET_LIMITS.idleMsMax)
      await this.#rest()
      if (!isDone && this.#waiting.length === 0) throw new TypeError('a session outlives its alarms')
    }
    return all
  }

  #choose({ drop, duplicate, cut }: Faults): LinkFault {
    const x = this.#random.next()
    if (x < drop) return 'drop'
    if (x < drop + duplicate) return 'duplicate'
    return x < drop + duplicate + cut ? 'cut' : 'deliver'
  }

  async #work<T>(task: () => Promise<T>): Promise<T> {
    this.#busy += 1
    this.#steps += 1
    try {
      return await task()
    } finally {
      this.#busy -= 1
      this.#steps += 1
    }
  }

  /** No replica works, and nothing has moved for two turns of the event loop. */
  async #rest(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const before = this.#steps
      await new Promise(resolve => setImmediate(resolve))
      quiet = this.#busy === 0 && this.#steps === before ? quiet + 1 : 0
    }
  }
}
