// Versioned tables and their undo log. Values are never changed, only replaced. For each segment of
// events the log keeps the values that the changed keys had at its start, so the tables can be
// rewound to the start of any segment. Segments are joined as they age, so that at most two have
// the same size: their number is logarithmic, and a rewind by n events undoes about 2n events, and
// one segment of the smallest size. Spec: protocol/replay.md, R18.

import { REPLAY_LIMITS } from '../../base/limits.ts'

/** A map whose changes an undo log records. */
export class VersionedTable<V> {
  readonly #values = new Map<string, V>()
  readonly #undoLog: UndoLog

  constructor(undoLog: UndoLog) {
    this.#undoLog = undoLog
  }

  get size(): number {
    return this.#values.size
  }

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** Returns the entries in an unspecified order. */
  entries(): IterableIterator<[string, V]> {
    return this.#values.entries()
  }

  /** Sets a key and records its earlier value; `undefined` removes the key. */
  set(key: string, value: V | undefined): void {
    this.#undoLog.record(this as VersionedTable<unknown>, key)
    this.restore(key, value)
  }

  /** Sets a key without recording it; for the undo log. */
  restore(key: string, value: V | undefined): void {
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
  }
}

/** The values at the start of a segment of events, of the keys that changed in it. */
interface Segment {
  /** Number of events at its start. */
  readonly from: number
  /** Number of events at its end. */
  to: number
  readonly before: Map<VersionedTable<unknown>, Map<string, unknown>>
}

/** Records the changes of its tables, event by event. */
export class UndoLog {
  readonly #segments: Segment[] = []
  #count = 0

  /** Number of events in the tables. */
  get count(): number {
    return this.#count
  }

  /** Begins the next event: later changes belong to it. */
  nextEvent(): void {
    const last = this.#segments.at(-1)
    if (last === undefined || last.to - last.from >= REPLAY_LIMITS.checkpointEvents) {
      this.#join()
      this.#segments.push({ from: this.#count, to: this.#count, before: new Map() })
    }
    this.#count += 1
    this.#segments.at(-1)!.to = this.#count
  }

  /** Keeps the value of a key before its first change in the current segment. */
  record(table: VersionedTable<unknown>, key: string): void {
    const segment = this.#segments.at(-1)
    // Changes before the first event are never undone.
    if (segment === undefined) return
    const before = segment.before.get(table) ?? new Map<string, unknown>()
    if (before.size === 0) segment.before.set(table, before)
    if (!before.has(key)) before.set(key, table.get(key))
  }

  /**
   * Rewinds the tables to the latest checkpoint at or before `count` events.
   * @returns the number of events in the tables
   */
  rewind(count: number): number {
    for (let last = this.#segments.at(-1); last !== undefined && this.#count > count; last = this.#segments.at(-1)) {
      for (const [table, before] of last.before) for (const [key, value] of before) table.restore(key, value)
      this.#count = last.from
      this.#segments.pop()
    }
    return this.#count
  }

  /** Joins the two older of three segments of one size at the end, and repeats with the result. */
  #join(): void {
    const segments = this.#segments
    for (let at = segments.length - 3; at >= 0; at -= 2) {
      const [older, newer, newest] = [segments[at]!, segments[at + 1]!, segments[at + 2]!]
      if (sizeOf(older) > sizeOf(newest)) return
      for (const [table, before] of newer.before) {
        const kept = older.before.get(table)
        if (kept === undefined) older.before.set(table, before)
        else for (const [key, value] of before) if (!kept.has(key)) kept.set(key, value)
      }
      older.to = newer.to
      segments.splice(at + 1, 1)
    }
  }
}

function sizeOf({ from, to }: Segment): number {
  return to - from
}
