// What a merge adds to the report of a sync: which conflicts it opened here (protocol/replay.md, R15, R16), as far as saying so costs
// little or was asked for. What is found goes into the journal.

import { VIEW_LIMITS } from '../limits.ts'
import type { Frontier } from './frontier.ts'
import type { OpenedConflict } from './opened.ts'

/** Both absent where a long log would have to be replayed to know. */
export interface MergeReport {
  /** At most 256. */
  readonly conflicts_opened?: readonly OpenedConflict[]
  /** How many there are; of one merge up to 4,096 are counted. */
  readonly conflicts_opened_count?: number
}

export interface Merge {
  /** The peer whose nodes came in, as the journal is to name it. */
  readonly peer: string
  /** As `frontier.view.mark()` gave it before. */
  readonly from: number
  /** Nodes that came in. */
  readonly admitted: number
  /** Say it also where that means replaying a long log. */
  readonly asked: boolean
}

export async function mergeReport(frontier: Frontier, merge: Merge): Promise<MergeReport> {
  const { peer, from, admitted, asked } = merge
  if (admitted === 0) return { conflicts_opened: [], conflicts_opened_count: 0 }
  if (!frontier.view.isCheap && !asked) return {}
  const opened = await frontier.view.noteMerged(from, { peer })
  const listed = opened.slice(0, VIEW_LIMITS.openedListedMax)
  return { conflicts_opened: listed, conflicts_opened_count: opened.length }
}
