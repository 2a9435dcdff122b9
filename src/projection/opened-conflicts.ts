// Which conflicts there are, by the findings they are about, and which were opened when: by comparing what is open before and after
// nodes came in, only for the findings that they touched, and of those that resolutions contest. Bounded: of one finding the first conflicts are compared, of those opened
// the latest are kept in mind.

import { VIEW_LIMITS } from '../base/limits.ts'
import { excerpt } from '../base/text.ts'
import { viewConflicts } from '../vela/state/field-conflicts.ts'
import type { View } from '../vela/state/state.ts'
import { type ContestedConflict, firstOf, type ListedConflict, listedComputed } from './conflict-list.ts'

/** A conflict as reports and the journal list it; its values are in the view. */
export type ConflictSummary = Omit<ListedConflict, 'values'>

interface Opening {
  readonly conflict: ConflictSummary
  /** Whole, where the conflict has it shortened; undefined for what no replay computes. */
  readonly finding: string | undefined
  /** How many nodes the log had when it was found. */
  readonly nodes: number
  /** It is in the journal. */
  recorded: boolean
}

export class ConflictTracker {
  /** Ids of the open conflicts of each finding that has some; under undefined those between resolutions alone. */
  readonly #open = new Map<string | undefined, ReadonlySet<string>>()
  #latest: Opening[] = []

  /** Takes over how these findings stand now that the log has so many nodes. */
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

  /** What was opened by nodes from this one on and is open still, in the order in which it was found. */
  since(seq: number): Opening[] {
    return this.#latest.filter(({ nodes }) => nodes > seq)
  }

  /** Drops what is settled, and the oldest of what is too much. */
  #forget(): void {
    const open = this.#latest.filter(({ finding, conflict }) => this.#open.get(finding)?.has(conflict.id))
    this.#latest = open.slice(-VIEW_LIMITS.openedKeptMax)
  }
}

/** An id of a finding may be as long as an event; a list of conflicts is for looking over. */
export function brief({ values: _, ...conflict }: ListedConflict): ConflictSummary {
  const { findingId: id } = conflict
  return { ...conflict, findingId: id && shortened(id) }
}

/** So is the id of what resolutions contest, and its kind: they are whatever an event says. */
export function shortened(text: string): string {
  return excerpt(text).replace(/[\ud800-\udbff](?=…$)/, '')
}
