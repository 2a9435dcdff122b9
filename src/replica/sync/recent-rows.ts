// Keeps the last committed nodes of a frontier in memory, so that any number of followers read them
// without the store. Holds durable nodes only, and only while there is a follower.

import { LIVE_LIMITS } from '../../base/limits.ts'
import type { NodeEntry } from '../../store/store.ts'

const { tailBytesMax, tailNodesMax } = LIVE_LIMITS

export interface RecentRow {
  readonly digest: Uint8Array
  readonly bytes: Uint8Array
  readonly headerBytes: number
}

export class RecentRows {
  #rows: RecentRow[] = []
  #from = 0
  #bytes = 0
  #users = 0

  /**
   * Adds a follower.
   * @returns a function that removes it
   */
  join(): () => void {
    this.#users += 1
    return () => {
      this.#users -= 1
      if (this.#users === 0) this.clear()
    }
  }

  /** Adds committed nodes; `firstSeq` is the place of the first. */
  add(nodes: readonly NodeEntry[], firstSeq: number): void {
    if (this.#users === 0) return
    if (firstSeq !== this.#from + this.#rows.length) this.clear()
    if (this.#rows.length === 0) this.#from = firstSeq
    for (const { digest, bytes, headerBytes } of nodes) {
      // Copies, because received bytes are views of a whole frame.
      this.#rows.push({ digest: Uint8Array.from(digest), bytes: Uint8Array.from(bytes), headerBytes })
      this.#bytes += bytes.length
    }
    let gone = 0
    while (this.#bytes > tailBytesMax || this.#rows.length - gone > tailNodesMax) {
      this.#bytes -= this.#rows[gone]!.bytes.length
      gone += 1
    }
    if (gone === 0) return
    this.#rows = this.#rows.slice(gone)
    this.#from += gone
  }

  /**
   * Returns rows from `from` to `to`, up to about `bytesMax`; undefined if the first is not in
   * memory.
   */
  take(from: number, to: number, bytesMax: number): RecentRow[] | undefined {
    if (from < this.#from || from >= this.#from + this.#rows.length) return undefined
    const rows: RecentRow[] = []
    let bytes = 0
    for (let seq = from; seq < to && bytes < bytesMax; seq += 1) {
      const row = this.#rows[seq - this.#from]
      if (row === undefined) break
      rows.push(row)
      bytes += row.bytes.length
    }
    return rows
  }

  /** Forgets all rows: texts of some came or went. */
  clear(): void {
    this.#rows = []
    this.#bytes = 0
  }
}
