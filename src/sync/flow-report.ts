// Reports of the two sides of a flow: states of their logs, and results for the sent nodes.

import type { Digest } from '../base/bytes.ts'

/** Number of nodes of a log, and the digest of its heads. */
export interface LogState {
  readonly count: number
  readonly digest: Digest
}

/** An opened conflict in a report; null stands for unknown. */
export interface OpenedItem {
  /** The conflict's id. */
  readonly conflict: string
  readonly kind: string | null
  readonly field: string | null
  readonly events: readonly string[]
  readonly finding: string | null
  /** The conflict is between resolutions. */
  readonly contested: boolean
}

/** The conflicts that admitted nodes opened. `items` has at most `reportItemsMax` entries. */
export interface OpenedTally {
  readonly count: number
  readonly items: readonly OpenedItem[]
}

/**
 * Results of a sink for the nodes of a flow. Lists have at most `reportItemsMax` entries, counts
 * are exact.
 */
export interface FlowReport extends LogState {
  readonly admitted: number
  readonly known: number
  readonly held: readonly { digest: Digest; key: Uint8Array }[]
  readonly heldCount: number
  readonly refused: readonly { digest: Digest; code: string }[]
  readonly refusedCount: number
  /** Whether the sink stores every head that the source stated. */
  readonly complete: boolean
  /** Sent by a hub if it computed the conflicts. */
  readonly opened?: OpenedTally
}
