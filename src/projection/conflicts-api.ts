// The conflicts of a frontier as users ask for them: those that replay computes
// (protocol/replay.md, R15 to R19), those between resolutions (protocol/resolution.md, G16), and
// those that events record. All of them, one by its id, and one explained: who said what, why
// neither counts as later, and what would settle it. Nothing here settles anything.

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

/** `settled`: by the resolutions that are its events. */
export interface ConflictView extends Omit<ListedConflict, 'state'> {
  readonly state: ListedConflict['state'] | 'settled'
  /**
   * What the view shows for the field meanwhile; undefined for a field that no member of the
   * finding holds.
   */
  readonly shown: Json | undefined
  /**
   * All events that stand for the field, in replay order: those of this conflict and, where there
   * are more, of others.
   */
  readonly standing: readonly string[]
  /** How an event recorded it; undefined for one that is computed alone. */
  readonly recorded: RecordedConflict | undefined
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

/** One of the events. */
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
  readonly sides: readonly ConflictSide[]
  readonly why: string
  /** What would settle it, each a way of its own. */
  readonly settle: readonly string[]
}

/**
 * A node of an event is found by this many sequence numbers at most; further carriers say nothing
 * new.
 */
const CARRIERS_MAX = 16

const WHY_APART =
  'The events are concurrent: no node of one event is an ancestor of a node of the other. Their timestamps are not considered.'
const WHY_CONTESTED =
  'Concurrent resolutions differ. Their order is not considered: all of them stand until a person decides between them.'
const WHY_RECORDED =
  'A comparison of two frontiers recorded this difference. It is open until a person settles it, even if the frontiers no longer differ.'
const WHY_SETTLED = 'A person has settled it. The events of the conflict follow.'

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
   * Tells how far replay is while one of these calls has to wait for it. Answers how to end that.
   */
  watch(tell: (progress: ReplayProgress) => void): () => void {
    return this.#projection.watch(tell)
  }

  /**
   * Those that are computed, by finding, field and events, then those whose resolutions contest
   * each other without setting a field apart; of these findings only, when given. At most 10,000.
   */
  async list(options: { readonly findings?: Iterable<string> } = {}): Promise<ListedConflict[]> {
    const wanted = options.findings === undefined ? undefined : new Set(options.findings)
    const listed = await this.#named(await this.#projection.listed(wanted))
    return listed.filter(({ findingId: id }) => wanted === undefined || (id !== undefined && wanted.has(id)))
  }

  /**
   * Those that events of the log and of the journal record, whether settled or not: by finding,
   * kind and id.
   */
  recorded(options: { readonly findings?: Iterable<string> } = {}): Promise<RecordedConflict[]> {
    return recordedConflicts(this.#context, this.#projection, options)
  }

  /** @throws ReplicaError ERR_CONFLICT_UNKNOWN when no such conflict is open, or recorded */
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
    throw new ReplicaError('ERR_CONFLICT_UNKNOWN', `there is no open or recorded conflict ${excerpt(id)}`)
  }

  /** @throws ReplicaError ERR_CONFLICT_UNKNOWN when no such conflict is open, or recorded */
  async explain(id: string): Promise<ConflictExplained> {
    const shown = await this.show(id)
    const nodes = shown.field === undefined ? undefined : await this.#projection.read(view => nodesOf(view, id))
    const sides: ConflictSide[] = []
    for (const which of shown.events.keys()) sides.push(await this.#side(shown, which, nodes?.[which]))
    return { ...shown, sides, why: whyOf(shown), settle: waysOut(shown) }
  }

  /** With what the journal's events say where the log doesn't say what a conflict is about. */
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

  /** `nodes`: those that carry the event, where the view knows them. */
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

  /** The nodes of a resolution that counts; the same without its signature has the same id. */
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
 * The nodes that carry each of the two events. Two events may share a label: then it is the second
 * of them.
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
