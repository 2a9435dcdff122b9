// The last nodes of a frontier's log, as they were committed: whoever follows it is given them without a look into the store,
// however many follow. Only what is durable is here, and only while somebody follows.

import { LIVE_LIMITS } from '../../base/limits.ts'
import type { NodeEntry } from '../../store/store.ts'

const { tailBytesMax, tailNodesMax } = LIVE_LIMITS

export interface RecentRow {
  readonly digest: Uint8Array
  readonly bytes: Uint8Array
}

export class RecentRows {
  #rows: RecentRow[] = []
  #from = 0
  #bytes = 0
  #users = 0

  /** Somebody follows from now on; answers how to end it. */
  join(): () => void {
    this.#users += 1
    return () => {
      this.#users -= 1
      if (this.#users === 0) this.#clear()
    }
  }

  /** Nodes just committed; `firstSeq` is the place of the first. */
  add(nodes: readonly NodeEntry[], firstSeq: number): void {
    if (this.#users === 0) return
    if (firstSeq !== this.#from + this.#rows.length) this.#clear()
    if (this.#rows.length === 0) this.#from = firstSeq
    for (const { digest, bytes } of nodes) {
      // Copies: what came in a frame is a view into all of it.
      this.#rows.push({ digest: Uint8Array.from(digest), bytes: Uint8Array.from(bytes) })
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

  /** Rows from `from` on, up to `to` and about so many bytes; undefined where the first is not here. */
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

  #clear(): void {
    this.#rows = []
    this.#bytes = 0
  }
}
