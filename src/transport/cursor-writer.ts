// Debounced writes of cursors.
// A live channel has a new cursor with each round. The last one is written about once a second and
// when the channel ends. A cursor only shortens the next session and names only durable nodes, so a
// cursor that is never written costs one search.
// Spec: protocol/sync.md, S39 and S50.

import { LIVE_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { type SetTimer, systemTimer, type Timer } from '../base/timer.ts'
import type { Effect } from '../sync/connection.ts'

/** The effect that saves a cursor. */
export type SaveCursor = Extract<Effect, { do: 'remember' }>

/** Writes the cursors of one session. */
export class CursorWriter {
  readonly #write: (cursor: SaveCursor) => Promise<void>
  readonly #setTimer: SetTimer
  readonly #pending = new Map<number, SaveCursor>()
  #timer: Timer | undefined
  readonly #mutex = new Mutex()

  constructor(write: (cursor: SaveCursor) => Promise<void>, setTimer: SetTimer = systemTimer) {
    this.#write = write
    this.#setTimer = setTimer
  }

  /**
   * Saves a cursor: later if the effect allows it, else before the promise resolves. A newer cursor
   * of a channel replaces a pending one.
   */
  async remember(cursor: SaveCursor): Promise<void> {
    this.#pending.delete(cursor.ch)
    if (!cursor.later) return this.#mutex.run(() => this.#write(cursor))
    this.#pending.set(cursor.ch, cursor)
    this.#timer ??= this.#setTimer(LIVE_LIMITS.cursorMs, () => this.flush())
  }

  /** Starts to write the pending cursors of one channel, or of all channels. */
  flush(ch?: number): void {
    const due = [...this.#pending.values()].filter(cursor => ch === undefined || cursor.ch === ch)
    for (const cursor of due) {
      this.#pending.delete(cursor.ch)
      // A store that fails reports it when it admits nodes. A lost cursor needs no report.
      this.#mutex.run(() => this.#write(cursor)).catch(() => {})
    }
    if (this.#pending.size > 0) return
    this.#timer?.stop()
    this.#timer = undefined
  }

  /** Waits until flushed cursors are written. */
  async written(): Promise<void> {
    await this.#mutex.run(async () => {})
  }
}
