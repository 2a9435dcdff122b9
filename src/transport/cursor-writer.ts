// Cursors that may be kept a little later: a live channel has a new one with each round, and writes the last of them about
// once a second and when it ends. A cursor is a shortcut for the next session and says only what is durable already, so one
// that is never written costs no more than a search. Specification: protocol/sync.md, S39 and S50.

import { LIVE_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { type SetTimer, systemTimer, type Timer } from '../base/timer.ts'
import type { Effect } from '../sync/connection.ts'

export type SaveCursor = Extract<Effect, { do: 'remember' }>

export class CursorWriter {
  readonly #write: (cursor: SaveCursor) => Promise<void>
  readonly #setAlarm: SetTimer
  readonly #pending = new Map<number, SaveCursor>()
  #alarm: Timer | undefined
  readonly #mutex = new Mutex()

  constructor(write: (cursor: SaveCursor) => Promise<void>, setAlarm: SetTimer = systemTimer) {
    this.#write = write
    this.#setAlarm = setAlarm
  }

  /** Keeps it for later, or writes it before it answers; the last one of a channel stands. */
  async remember(cursor: SaveCursor): Promise<void> {
    this.#pending.delete(cursor.ch)
    if (!cursor.later) return this.#mutex.run(() => this.#write(cursor))
    this.#pending.set(cursor.ch, cursor)
    this.#alarm ??= this.#setAlarm(LIVE_LIMITS.cursorMs, () => this.flush())
  }

  /** Writes what one channel, or every channel, has pending. */
  flush(ch?: number): void {
    const due = [...this.#pending.values()].filter(cursor => ch === undefined || cursor.ch === ch)
    for (const cursor of due) {
      this.#pending.delete(cursor.ch)
      // A store that can't be written says so to whoever admits; a shortcut that is lost is nobody's concern.
      this.#mutex.run(() => this.#write(cursor)).catch(() => {})
    }
    if (this.#pending.size > 0) return
    this.#alarm?.stop()
    this.#alarm = undefined
  }

  /** What was flushed is written. */
  async written(): Promise<void> {
    await this.#mutex.run(async () => {})
  }
}
