// Notices that the process or the machine was suspended: timers then fire late by the clock.
// Connections may have ended meanwhile without a sign. Spec: protocol/live.md, L17.

import { LINK_LIMITS } from '../../base/limits.ts'
import type { Timer } from '../../base/timer.ts'
import type { NetworkHooks } from './backoff.ts'

const { clockMs, suspendedMsMin } = LINK_LIMITS

/** Calls a function after each suspension. */
export class SuspensionWatch {
  readonly #network: Pick<NetworkHooks, 'setTimer' | 'wallMs'>
  readonly #onResumed: () => void
  #timer: Timer | undefined
  #dueMs = 0

  constructor(network: Pick<NetworkHooks, 'setTimer' | 'wallMs'>, onResumed: () => void) {
    this.#network = network
    this.#onResumed = onResumed
  }

  start(): void {
    this.#dueMs = this.#network.wallMs() + clockMs
    this.#timer = this.#network.setTimer(clockMs, () => this.#look())
  }

  stop(): void {
    this.#timer?.stop()
  }

  #look(): void {
    const lateMs = this.#network.wallMs() - this.#dueMs
    this.#dueMs += lateMs + clockMs
    this.#timer?.restart()
    if (lateMs >= suspendedMsMin) this.#onResumed()
  }
}
