// What the two sides of a flow tell each other about logs and about what became of nodes.

import type { Digest } from '../base/bytes.ts'

export interface LogState {
  readonly count: number
  readonly digest: Digest
}

/** A conflict as a report names it; null for what is not known. */
export interface OpenedItem {
  /** Its id. */
  readonly conflict: string
  readonly kind: string | null
  readonly field: string | null
  readonly events: readonly string[]
  readonly finding: string | null
  /** Between resolutions. */
  readonly contested: boolean
}

/** Which conflicts the admitted nodes opened; `items` is cut at `reportItemsMax`. */
export interface OpenedTally {
  readonly count: number
  readonly items: readonly OpenedItem[]
}

/** What a sink did with what it was sent; lists are cut at `reportItemsMax`, counts are whole. */
export interface FlowReport extends LogState {
  readonly admitted: number
  readonly known: number
  readonly held: readonly { digest: Digest; key: Uint8Array }[]
  readonly heldCount: number
  readonly refused: readonly { digest: Digest; code: string }[]
  readonly refusedCount: number
  /** Whether the sink now stores every head that the source stated. */
  readonly complete: boolean
  /** Only of a hub, and only where it was looked for. */
  readonly opened?: OpenedTally
}
