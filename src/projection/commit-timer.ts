// Calls a function when commits pause, at the latest some time after the first. Each commit
// restarts the short timer; the long one bounds the delay of a log that never pauses.
// Specification: protocol/journal.md, J10.

import { VIEW_LIMITS } from '../base/limits.ts'
import type { SetTimer, Timer } from '../base/timer.ts'

const { noteQuietMs, noteMsMax } = VIEW_LIMITS

export class CommitTimer {
  readonly #setTimer: SetTimer
  readonly #call: () => void
  #quiet: Timer | undefined
  #latest: Timer | undefined

  constructor(setTimer: SetTimer, call: () => void) {
    this.#setTimer = setTimer
    this.#call = call
  }

  onCommit(): void {
    if (this.#quiet === undefined) this.#quiet = this.#setTimer(noteQuietMs, () => this.#fire())
    else this.#quiet.restart()
    this.#latest ??= this.#setTimer(noteMsMax, () => this.#fire())
  }

  stop(): void {
    this.#quiet?.stop()
    this.#latest?.stop()
    this.#quiet = undefined
    this.#latest = undefined
  }

  #fire(): void {
    this.stop()
    this.#call()
  }
}
