// Tables that can be taken back to how they were some events ago (protocol/replay.md, R18). Values are never changed, only replaced; a
// ledger keeps, for each stretch of events, what the keys changed in it held before. Stretches are joined as they age, so that there
// are two of a size at most: few in all, and going back by so many events undoes about twice as many, and one stretch of the
// smallest size. Each starts at a checkpoint.

import { REPLAY_LIMITS } from '../../base/limits.ts'

export class VersionedTable<V> {
  readonly #values = new Map<string, V>()
  readonly #ledger: UndoLog

  constructor(ledger: UndoLog) {
    this.#ledger = ledger
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

  /** In no order that means anything. */
  entries(): IterableIterator<[string, V]> {
    return this.#values.entries()
  }

  /** Takes the key out where `value` is undefined. */
  set(key: string, value: V | undefined): void {
    this.#ledger.note(this as VersionedTable<unknown>, key)
    this.restore(key, value)
  }

  /** For the ledger: sets without noting. */
  restore(key: string, value: V | undefined): void {
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
  }
}

/** What the keys that changed in a stretch of events held at its start. */
interface Segment {
  readonly from: number
  to: number
  readonly before: Map<VersionedTable<unknown>, Map<string, unknown>>
}

export class UndoLog {
  readonly #stretches: Segment[] = []
  #count = 0

  /** How many events the tables are at. */
  get count(): number {
    return this.#count
  }

  /** Whatever is set from now on belongs to the next event. */
  next(): void {
    const last = this.#stretches.at(-1)
    if (last === undefined || last.to - last.from >= REPLAY_LIMITS.checkpointEvents) {
      this.#join()
      this.#stretches.push({ from: this.#count, to: this.#count, before: new Map() })
    }
    this.#count += 1
    this.#stretches.at(-1)!.to = this.#count
  }

  note(table: VersionedTable<unknown>, key: string): void {
    const stretch = this.#stretches.at(-1)
    // Before the first event there is nothing to go back to.
    if (stretch === undefined) return
    const before = stretch.before.get(table) ?? new Map<string, unknown>()
    if (before.size === 0) stretch.before.set(table, before)
    if (!before.has(key)) before.set(key, table.get(key))
  }

  /** Takes the tables back to the latest checkpoint that is not after so many events; answers how many it is at. */
  rewind(count: number): number {
    for (let last = this.#stretches.at(-1); last !== undefined && this.#count > count; last = this.#stretches.at(-1)) {
      for (const [table, before] of last.before) for (const [key, value] of before) table.restore(key, value)
      this.#count = last.from
      this.#stretches.pop()
    }
    return this.#count
  }

  /** Of three stretches of one size at the end, the two older ones become one, and so on with that. */
  #join(): void {
    const stretches = this.#stretches
    for (let at = stretches.length - 3; at >= 0; at -= 2) {
      const [older, newer, newest] = [stretches[at]!, stretches[at + 1]!, stretches[at + 2]!]
      if (sizeOf(older) > sizeOf(newest)) return
      for (const [table, before] of newer.before) {
        const kept = older.before.get(table)
        if (kept === undefined) older.before.set(table, before)
        else for (const [key, value] of before) if (!kept.has(key)) kept.set(key, value)
      }
      older.to = newer.to
      stretches.splice(at + 1, 1)
    }
  }
}

function sizeOf({ from, to }: Segment): number {
  return to - from
}
