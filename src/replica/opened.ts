// Which conflicts there are, by the findings they are about, and which were opened when: by comparing what is open before and after
// nodes came in, only for the findings that they touched. Bounded: of one finding the first conflicts are compared, of those opened
// the latest are kept in mind.

import { VIEW_LIMITS } from '../limits.ts'
import { excerpt } from '../vela/event-record.ts'
import { type ComputedConflict, viewConflicts } from '../vela/replay/conflicts.ts'
import type { View } from '../vela/replay/state.ts'

/** A conflict as reports and the journal list it; its values are in the view. */
export type OpenedConflict = Pick<ComputedConflict, 'id' | 'finding_id' | 'kind' | 'field' | 'events'>

interface Opening {
  readonly conflict: OpenedConflict
  /** Whole, where the conflict has it shortened. */
  readonly finding: string
  /** How many nodes the log had when it was found. */
  readonly nodes: number
  /** It is in the journal. */
  recorded: boolean
}

export class Openings {
  /** Ids of the open conflicts of each finding that has some. */
  readonly #open = new Map<string, ReadonlySet<string>>()
  #latest: Opening[] = []

  /** Takes over how these findings stand now that the log has so many nodes. */
  update(view: View, findings: Iterable<string>, nodes: number): void {
    for (const finding of findings) {
      const before = this.#open.get(finding)
      const now = new Set<string>()
      for (const conflict of viewConflicts(view, [finding])) {
        now.add(conflict.id)
        if (!before?.has(conflict.id)) this.#latest.push({ conflict: brief(conflict), finding, nodes, recorded: false })
        if (now.size >= VIEW_LIMITS.comparedPerFindingMax) break
      }
      if (now.size > 0) this.#open.set(finding, now)
      else this.#open.delete(finding)
      if (this.#latest.length > 2 * VIEW_LIMITS.openedKeptMax) this.#forget()
    }
    this.#forget()
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
export function brief({ id, finding_id, kind, field, events }: ComputedConflict): OpenedConflict {
  return { id, finding_id: excerpt(finding_id).replace(/[\ud800-\udbff](?=…$)/, ''), kind, field, events }
}
