// The merge observer of Vela: puts the conflicts that received nodes opened into the reports of
// push, pull and live. They are computed if the projection of the frontier is current; otherwise
// the report leaves them out, and `conflicts` lists them on request.
// Spec: protocol/replay.md, R21; protocol/sync.md, S38.

import { VIEW_LIMITS } from '../base/limits.ts'
import type { Merge, MergeObserver, MergeReport } from '../replica/merge-observer.ts'
import { contextOf, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { FrontierProjection } from './frontier-projection.ts'

const NONE: MergeReport = { conflictsOpened: [], conflictsOpenedCount: 0 }

/**
 * The merge observer of Vela, to be given to `Replica.open`. Opened conflicts are also written to
 * the journal.
 */
export function velaMergeObserver(replica: Replica): MergeObserver {
  return mergeObserverOf(contextOf(replica))
}

/** As `velaMergeObserver`, for the context of a replica. */
export function mergeObserverOf(context: ReplicaContext): MergeObserver {
  return {
    async beforeMerge(frontier) {
      const projection = FrontierProjection.of(context, frontier)
      if (projection.isLoaded) await projection.update()
    },
    afterMerge: merge => mergeReportOf(FrontierProjection.of(context, merge.frontier), merge),
  }
}

/**
 * Writes to the journal the conflicts that any peer's nodes open, in each frontier that the replica
 * keeps or opens later.
 */
export function recordOpenedConflicts(context: ReplicaContext): void {
  const watch = (): void => {
    for (const name of context.frontiers.keys()) FrontierProjection.of(context, name)
  }
  context.subscribe(watch)
  watch()
}

/** Returns the report of a merge. Exported for tests. */
export async function mergeReportOf(projection: FrontierProjection, merge: Merge): Promise<MergeReport> {
  const { peer, from, admitted, isAsked, isAwaited } = merge
  if (admitted === 0) return NONE
  if (from === 0 && !isAsked) return {} // a first merge opens nothing
  if (!isAsked && !projection.isCurrent({ isAwaited })) return {}
  const opened = await projection.openedSince(from, peer === undefined ? {} : { peer })
  return {
    conflictsOpened: opened.slice(0, VIEW_LIMITS.openedListedMax),
    conflictsOpenedCount: opened.length,
  }
}
