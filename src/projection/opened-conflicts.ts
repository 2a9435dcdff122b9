// Tracks when conflicts were opened: compares the open conflicts before and after new nodes, for
// the findings that they touched and for contested resolutions. Bounded: per finding the first
// conflicts are compared, and the latest opened ones are kept.

import { VIEW_LIMITS } from '../base/limits.ts'
import { excerpt } from '../base/text.ts'
import { viewConflicts } from '../vela/state/field-conflicts.ts'
import type { View } from '../vela/state/state.ts'
import { type ContestedConflict, firstOf, type ListedConflict, listedComputed } from './conflict-list.ts'

/** A conflict as reports and the journal list it, without values. */
export type ConflictSummary = Omit<ListedConflict, 'values'>

interface OpenedEntry {
  readonly conflict: ConflictSummary
  /**
   * Full id of the finding, which the conflict may have shortened; undefined for a conflict that
   * replay does not compute.
   */
  readonly finding: string | undefined
  /** Number of nodes in the log when it was found. */
  readonly nodes: number
  /** Whether it is in the journal. */
  recorded: boolean
}

export class ConflictTracker {
  /** Ids of the open conflicts per finding; under undefined those between resolutions alone. */
  readonly #open = new Map<string | undefined, ReadonlySet<string>>()
  #latest: OpenedEntry[] = []

  /** Compares these findings with their state before; the log now has `nodes` nodes. */
  update(now: { view: View; contested: ContestedConflict }, findings: Iterable<string>, nodes: number): void {
    const { view, contested } = now
    for (const finding of findings) {
      const open = firstOf(viewConflicts(view, [finding]), VIEW_LIMITS.comparedPerFindingMax)
      this.#compare(
        finding,
        open.map(conflict => listedComputed(conflict, contested)),
        nodes,
      )
      if (this.#latest.length > 2 * VIEW_LIMITS.openedKeptMax) this.#forget()
    }
    this.#compare(undefined, contested.listed, nodes)
    this.#forget()
  }

  #compare(finding: string | undefined, conflicts: readonly ListedConflict[], nodes: number): void {
    const before = this.#open.get(finding)
    for (const conflict of conflicts)
      if (!before?.has(conflict.id)) this.#latest.push({ conflict: brief(conflict), finding, nodes, recorded: false })
    if (conflicts.length > 0) this.#open.set(finding, new Set(conflicts.map(({ id }) => id)))
    else this.#open.delete(finding)
  }

  /** Returns the open conflicts that nodes from this one on opened, in the order of detection. */
  since(seq: number): OpenedEntry[] {
    return this.#latest.filter(({ nodes }) => nodes > seq)
  }

  /** Drops settled conflicts, and the oldest beyond the limit. */
  #forget(): void {
    const open = this.#latest.filter(({ finding, conflict }) => this.#open.get(finding)?.has(conflict.id))
    this.#latest = open.slice(-VIEW_LIMITS.openedKeptMax)
  }
}

/** Shortens the finding's id, which may be as long as an event. */
export function brief({ values: _, ...conflict }: ListedConflict): ConflictSummary {
  const { findingId: id } = conflict
  return { ...conflict, findingId: id && shortened(id) }
}

/** Shortens text that an event may choose freely: ids and kinds. */
export function shortened(text: string): string {
  return excerpt(text).replace(/[\ud800-\udbff](?=…$)/, '')
}
