// Lists, shows and explains the conflicts of a frontier: computed ones (protocol/replay.md, R15 to
// R19), conflicts between resolutions (protocol/resolution.md, G16), and recorded ones. Settles
// nothing.

import { equals, sha256, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { excerpt } from '../base/text.ts'
import { cidText } from '../cbor/cid.ts'
import { checkEvent } from '../event/event.ts'
import type { Json } from '../json/value.ts'
import { decodeNode } from '../node/node.ts'
import type { Frontier } from '../replica/frontier.ts'
import { rowsByReference } from '../replica/log-reader.ts'
import { contextOf, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import type { NodeRow } from '../store/store.ts'
import { type ComputedConflict, currentWriters, shownValue, viewConflicts } from '../vela/state/field-conflicts.ts'
import type { View } from '../vela/state/state.ts'
import { type ListedConflict, resolutionsOf } from './conflict-list.ts'
import { FrontierProjection } from './frontier-projection.ts'
import { type RecordedConflict, recordedConflicts } from './recorded-conflicts.ts'
import type { ReplayProgress } from './replayer.ts'

export type { ComputedConflict, ListedConflict, RecordedConflict }

/** A conflict with its present state. `settled`: by the resolutions that are its events. */
export interface ConflictView extends Omit<ListedConflict, 'state'> {
  readonly state: ListedConflict['state'] | 'settled'
  /**
   * Value that the view shows meanwhile; undefined for a field that no member of the finding holds.
   */
  readonly shown: Json | undefined
  /** All effective events of the field, in replay order, those of other conflicts included. */
  readonly standing: readonly string[]
  /** The event that recorded it; undefined for a computed conflict. */
  readonly recorded: RecordedConflict | undefined
}

/** A node that carries an event, and its signer. */
export interface CarrierView {
  readonly cid: string
  readonly seq: number
  readonly height: number
  /** 64 hex digits. */
  readonly key: string
  /** Hub of the key; undefined if it is not registered. */
  readonly hub: string | undefined
}

/** One event of a conflict. */
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

/** A conflict with both sides, the reason, and ways to settle it. */
export interface ConflictExplained extends ConflictView {
  readonly sides: readonly ConflictSide[]
  readonly why: string
  /** Ways to settle it. */
  readonly settle: readonly string[]
}

/** At most this many nodes of an event are listed. */
const CARRIERS_MAX = 16

const WHY_APART =
  'The events are concurrent: no node of one event is an ancestor of a node of the other. Their timestamps are not considered.'
const WHY_CONTESTED =
  'Concurrent resolutions differ. Their order is not considered: all of them stand until a person decides between them.'
const WHY_RECORDED =
  'A comparison of two frontiers recorded this difference. It is open until a person settles it, even if the frontiers no longer differ.'
const WHY_SETTLED = 'A person has settled it. The events of the conflict follow.'

/**
 * The conflicts of one frontier.
 *
 * @example
 * const conflicts = new Conflicts(replica, frontier)
 * for (const { id, kind } of await conflicts.list()) {
 *   const { why, sides } = await conflicts.explain(id)
 *   console.log(kind, why, sides.map(side => side.actor.id))
 * }
 */
export class Conflicts {
  readonly #context: ReplicaContext
  readonly #frontier: Frontier
  readonly #projection: FrontierProjection

  /** @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN */
  constructor(replica: Replica, frontier: string) {
    this.#context = contextOf(replica)
    this.#frontier = this.#context.frontier(frontier)
    this.#projection = FrontierProjection.of(this.#context, frontier)
  }

  /**
   * Number of nodes whose text is not here. Their events are not considered, and a conflict that
   * one of them may have settled is not listed.
   */
  get withheld(): number {
    return this.#projection.withheld
  }

  /**
   * Calls the listener with the progress of a replay that one of these calls waits for.
   * @returns a function that unsubscribes
   */
  watch(tell: (progress: ReplayProgress) => void): () => void {
    return this.#projection.watch(tell)
  }

  /**
   * Returns the open conflicts: the computed ones by finding, field and events, then those between
   * resolutions that set no field. With `findings`, only those of these findings. At most 10,000.
   */
  async list(options: { readonly findings?: Iterable<string> } = {}): Promise<ListedConflict[]> {
    const wanted = options.findings === undefined ? undefined : new Set(options.findings)
    const listed = await this.#named(await this.#projection.listed(wanted))
    return listed.filter(({ findingId: id }) => wanted === undefined || (id !== undefined && wanted.has(id)))
  }

  /**
   * Returns the conflicts that events of the log or journal record, settled or not, by finding,
   * kind and id.
   */
  recorded(options: { readonly findings?: Iterable<string> } = {}): Promise<RecordedConflict[]> {
    return recordedConflicts(this.#context, this.#projection, options)
  }

  /**
   * Returns one conflict.
   * @throws ReplicaError ERR_CONFLICT_UNKNOWN if no such conflict is open or recorded
   */
  async show(id: string): Promise<ConflictView> {
    const recorded = (await this.recorded()).find(one => one.id === id)
    const found = await this.#projection.find(id)
    const [listed] = found === undefined ? [] : await this.#named([found])
    if (listed?.field !== undefined) {
      const computed = await this.#projection.read(view => computedView(view, id))
      if (computed !== undefined) return { ...listed, ...computed, recorded }
    }
    if (listed !== undefined) return { ...listed, shown: undefined, standing: listed.events, recorded }
    if (recorded !== undefined) return this.#recordedView(recorded)
    const facts = this.withheld === 0 ? {} : { withheld: this.withheld }
    throw new ReplicaError('ERR_CONFLICT_UNKNOWN', `there is no open or recorded conflict ${excerpt(id)}`, { facts })
  }

  /**
   * Returns one conflict with both sides, the reason, and ways to settle it.
   * @throws ReplicaError ERR_CONFLICT_UNKNOWN if no such conflict is open or recorded
   */
  async explain(id: string): Promise<ConflictExplained> {
    const shown = await this.show(id)
    const nodes = shown.field === undefined ? undefined : await this.#projection.read(view => nodesOf(view, id))
    const sides: ConflictSide[] = []
    for (const which of shown.events.keys()) sides.push(await this.#side(shown, which, nodes?.[which]))
    return { ...shown, sides, why: whyOf(shown), settle: waysOut(shown) }
  }

  /** Adds the subject from journaled events if the log does not state it. */
  async #named(listed: readonly ListedConflict[]): Promise<ListedConflict[]> {
    if (listed.every(({ findingId: id }) => id !== undefined)) return [...listed]
    const recorded = new Map((await this.recorded()).map(one => [one.id, one]))
    return listed.map(one => {
      const { findingId, kind } = recorded.get(one.id) ?? {}
      return { ...one, findingId: one.findingId ?? findingId, kind: one.kind ?? kind }
    })
  }

  async #recordedView(recorded: RecordedConflict): Promise<ConflictView> {
    const { id, findingId, kind, state } = recorded
    const { resolutions } = await this.#projection.settled()
    const standing = resolutions.conflicts.find(({ conflict }) => conflict === id)?.standing ?? []
    const events = standing.map(({ event }) => event)
    return {
      id,
      findingId,
      kind,
      field: undefined,
      events,
      values: standing.map(resolutionsOf),
      state,
      shown: undefined,
      standing: events,
      recorded,
    }
  }

  /** `nodes`: nodes that carry the event, if the view knows them. */
  async #side(conflict: ConflictView, which: number, nodes: readonly number[] | undefined): Promise<ConflictSide> {
    const { log } = this.#frontier
    const event = conflict.events[which]!
    const rows = nodes === undefined ? await this.#signedRows(event) : await log.read(nodes.slice(0, CARRIERS_MAX))
    const [first] = rows
    if (first === undefined) throw new ReplicaError('ERR_INTERNAL', `${event} is in the view but has no node`)
    const { text } = decodeNode(first.bytes)
    if (text === undefined) throw new ReplicaError('ERR_INTERNAL', `the text of ${event} is not here`)
    const { kind, actor, timestamp, reason } = checkEvent(text)
    const carriers = rows.map(row => this.#carrier(row))
    return { event, value: conflict.values[which]!, kind, actor, timestamp, reason, text, carriers }
  }

  /**
   * Returns the nodes of an effective resolution. The same resolution without its signature has the
   * same id.
   */
  async #signedRows(event: string): Promise<NodeRow[]> {
    const { resolutions } = await this.#projection.settled()
    const all = resolutions.conflicts.flatMap(({ standing }) => standing)
    const text = all.find(one => one.event === event)?.source.text
    const rows = await rowsByReference(this.#frontier.log, event)
    return rows
      .filter(({ bytes }) => text !== undefined && equals(decodeNode(bytes).event, sha256(text)))
      .slice(0, CARRIERS_MAX)
  }

  #carrier({ seq, digest, bytes }: NodeRow): CarrierView {
    const { key, height } = decodeNode(bytes)
    return { cid: cidText(digest), seq, height, key: toHex(key), hub: this.#hubOf(key) }
  }

  #hubOf(key: Uint8Array): string | undefined {
    const { registry } = this.#frontier
    return registry.ownKeys.includes(toHex(key)) ? this.#context.hubId : registry.byKey(key)?.id
  }
}

function computedOf(view: View, id: string): ComputedConflict | undefined {
  for (const conflict of viewConflicts(view)) if (conflict.id === id) return conflict
  return undefined
}

function computedView(view: View, id: string): Pick<ConflictView, 'shown' | 'standing'> | undefined {
  const conflict = computedOf(view, id)
  if (conflict === undefined) return undefined
  const standing = currentWriters(view, conflict).map(({ event }) => event)
  return { shown: shownValue(view, conflict), standing }
}

/**
 * Returns the nodes that carry each of the two events. If both share an id, the second is the later
 * one.
 */
function nodesOf(view: View, id: string): readonly (readonly number[])[] | undefined {
  const conflict = computedOf(view, id)
  if (conflict === undefined) return undefined
  const [one, two] = conflict.events
  const of = (event: string) => currentWriters(view, conflict).filter(setter => setter.event === event)
  return [of(one)[0]?.nodes ?? [], of(two)[one === two ? 1 : 0]?.nodes ?? []]
}

function whyOf({ state, field }: ConflictView): string {
  if (state === 'contested') return WHY_CONTESTED
  if (state === 'settled') return WHY_SETTLED
  return field === undefined ? WHY_RECORDED : WHY_APART
}

function waysOut({ id, field, findingId, state }: ConflictView): string[] {
  if (state === 'settled') return []
  const decide = `A person decides: replica resolve ${id}`
  if (field === undefined) return [`${decide} --ours, --theirs or --value <json>.`]
  return [
    `${decide} --pick <event>, or --value <json>.`,
    `A later event that sets ${field} of ${findingId} and has both events as ancestors.`,
  ]
}
