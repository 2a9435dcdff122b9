// The computed conflicts of a frontier as users ask for them (protocol/replay.md, R15–R19): all of them, one by its id, and one explained: who
// said what, why neither counts as later, and what would settle it. Nothing here settles anything.

import { toHex } from '../bytes.ts'
import { cidText } from '../codec/cid.ts'
import { decodeNode } from '../codec/node.ts'
import { ReplicaError } from '../errors.ts'
import type { NodeRow } from '../store/store.ts'
import { checkEvent } from '../vela/event.ts'
import { type ComputedConflict, shownValue, standingSetters, viewConflicts } from '../vela/replay/conflicts.ts'
import type { View } from '../vela/replay/state.ts'
import type { Json } from '../vela/value.ts'
import type { Frontier } from './frontier.ts'

export type { ComputedConflict }

export interface ConflictView extends ComputedConflict {
  /** What the view shows for the field meanwhile; undefined for a field that no member of the finding holds. */
  readonly shown: Json | undefined
  /** All events that stand for the field, in replay order: those of this conflict and, where there are more, of others. */
  readonly standing: readonly string[]
}

/** A node that carries an event, and who signed it. */
export interface CarrierView {
  readonly cid: string
  readonly seq: number
  readonly height: number
  /** 64 hex digits. */
  readonly key: string
  /** The hub that the key is registered for here; undefined when it isn't. */
  readonly hub: string | undefined
}

/** One of the two events. */
export interface ConflictSide {
  readonly event: string
  readonly value: Json
  readonly kind: string
  readonly actor: { readonly id: string; readonly type: string }
  readonly timestamp: string
  readonly reason: string
  /** Canonical JSON of the event. */
  readonly text: Uint8Array
  readonly carriers: readonly CarrierView[]
}

export interface ConflictExplained extends ConflictView {
  readonly sides: readonly [ConflictSide, ConflictSide]
  readonly why: string
  /** What would settle it, each a way of its own. */
  readonly settle: readonly string[]
}

/** A node of an event is found by this many sequence numbers at most; further carriers say nothing new. */
const CARRIERS_MAX = 16

const WHY =
  'Neither event was made with knowledge of the other: no node that carries the one is an ancestor of a node that carries the other. Their times say nothing about that.'

export class FrontierConflicts {
  readonly #frontier: Frontier
  readonly #hubId: string

  constructor(frontier: Frontier, hubId: string) {
    this.#frontier = frontier
    this.#hubId = hubId
  }

  /** By finding, field and events; of these findings only, when given. At most 10,000. */
  list(options: { readonly findings?: Iterable<string> } = {}): Promise<ComputedConflict[]> {
    return this.#frontier.view.conflicts(options.findings)
  }

  /** @throws ReplicaError ERR_CONFLICT_UNKNOWN when no such conflict is open */
  show(id: string): Promise<ConflictView> {
    return this.#frontier.view.read(view => conflictView(view, wanted(view, id)))
  }

  /** @throws ReplicaError ERR_CONFLICT_UNKNOWN when no such conflict is open */
  async explain(id: string): Promise<ConflictExplained> {
    const { shown, nodes } = await this.#frontier.view.read(view => {
      const conflict = wanted(view, id)
      const setters = standingSetters(view, conflict)
      // Two events may share a label: then it is the second of them.
      const of = (which: 0 | 1) => setters.filter(({ event }) => event === conflict.events[which])
      const twins = conflict.events[0] === conflict.events[1]
      const nodes = [of(0)[0]?.nodes ?? [], of(1)[twins ? 1 : 0]?.nodes ?? []]
      return { shown: conflictView(view, conflict), nodes }
    })
    const sides: [ConflictSide, ConflictSide] = [
      await this.#side(shown, 0, nodes[0]!),
      await this.#side(shown, 1, nodes[1]!),
    ]
    return { ...shown, sides, why: WHY, settle: waysOut(shown) }
  }

  async #side(conflict: ConflictView, which: 0 | 1, nodes: readonly number[]): Promise<ConflictSide> {
    const rows = await this.#frontier.log.read(nodes.slice(0, CARRIERS_MAX))
    const [first] = rows
    if (first === undefined) throw new ReplicaError('ERR_INTERNAL', `${conflict.events[which]} stands and has no node`)
    const { event: text } = decodeNode(first.bytes)
    const { kind, actor, timestamp, reason } = checkEvent(text)
    return {
      event: conflict.events[which],
      value: conflict.values[which],
      kind,
      actor,
      timestamp,
      reason,
      text,
      carriers: rows.map(row => this.#carrier(row)),
    }
  }

  #carrier({ seq, digest, bytes }: NodeRow): CarrierView {
    const { key, height } = decodeNode(bytes)
    return { cid: cidText(digest), seq, height, key: toHex(key), hub: this.#hubOf(key) }
  }

  #hubOf(key: Uint8Array): string | undefined {
    const { registry } = this.#frontier
    return registry.ownKeys.includes(toHex(key)) ? this.#hubId : registry.byKey(key)?.id
  }
}

function wanted(view: View, id: string): ComputedConflict {
  for (const conflict of viewConflicts(view)) if (conflict.id === id) return conflict
  throw new ReplicaError('ERR_CONFLICT_UNKNOWN', `no conflict ${JSON.stringify(id.slice(0, 80))} is open here`)
}

function conflictView(view: View, conflict: ComputedConflict): ConflictView {
  const standing = standingSetters(view, conflict).map(({ event }) => event)
  return { ...conflict, shown: shownValue(view, conflict), standing }
}

function waysOut({ id, field, finding_id }: ConflictView): string[] {
  return [
    `A person decides: replica resolve ${id} --pick <event>, or --value <json>.`,
    `Any later event that sets ${field} of ${finding_id} and is built on both.`,
  ]
}
