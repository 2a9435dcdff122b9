// The state that replay builds: six tables of objects after their last event, the writers of
// fields, and the problems. Everything that can be rewound is in tables of one undo log. The
// members are for the files of this folder; other code creates and reads a view through functions.
// Spec: protocol/replay.md, R1.

import { type ErrorCode, ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import type { EventRecord } from '../../event/fields.ts'
import type { ResolutionAuthorities } from '../resolution/authority.ts'
import type { FieldStates, SettledField } from './contestable-fields.ts'
import type { Body } from './json-path.ts'
import { UndoLog, VersionedTable } from './undo-log.ts'

/** An event that did not apply, or not in full, and why. Equal logs give equal problems. */
export interface Problem {
  readonly event: string
  readonly kind: string
  readonly code: ErrorCode
  readonly reason: string
}

/** Returns true if node `a` is an ancestor of node `b`; the caller chooses the numbers of nodes. */
export type Precedes = (a: number, b: number) => boolean

/** An event to apply. */
export interface ReplayEvent {
  /** The stored form, UTF-8. */
  readonly text: Uint8Array
  /**
   * The nodes that carry it, by the numbers that `precedes` takes. Without them it has seen all
   * earlier events.
   */
  readonly nodes?: readonly number[]
}

/** The tables of a view. */
export const OBJECT_TABLES = [
  'findings',
  'negative_results',
  'trajectories',
  'artifacts',
  'replications',
  'predictions',
] as const
/** One of OBJECT_TABLES. */
export type ObjectTable = (typeof OBJECT_TABLES)[number]

/**
 * The state after some events. Opaque to callers: `emptyView` creates it, `applyEvent` and
 * `rewindView` change it, and `viewRows`, `viewObjects`, `viewConflicts` and `viewProblems` read
 * it.
 * @example
 * const view = emptyView()
 * for (const text of events) applyEvent(view, { text })
 * const { findings } = viewRows(view)
 */
export class View {
  /** @internal */
  readonly undoLog = new UndoLog()
  /** @internal */
  readonly objects: Readonly<Record<ObjectTable, VersionedTable<Body>>>
  /** The current writers of the fields, by finding. @internal */
  readonly writers: VersionedTable<FieldStates>
  /** The findings with a contested field. @internal */
  readonly contested: VersionedTable<true>
  /** Fields that resolutions set, by the event's position in the order. @internal */
  readonly settled: VersionedTable<SettledField>
  /**
   * Index of an item in a grow-only list, by list, object and item (grow-only-lists.ts). @internal
   */
  readonly listIndex: VersionedTable<number>
  /** By the event's position in the order. @internal */
  readonly problems: VersionedTable<readonly Problem[]>
  /** Payloads of proposals by id. @internal */
  readonly proposals: Map<string, Body>
  /**
   * Ids of missing proposals, with the number of events before the first one that needed it.
   * @internal
   */
  readonly missingProposals = new Map<string, number>()
  /** @internal */
  readonly precedes: Precedes | undefined
  /** @internal */
  readonly mayBeReplaced: ((node: number) => boolean) | undefined
  /** Actors that may resolve conflicts. @internal */
  readonly authorities: ResolutionAuthorities

  constructor(parts: {
    readonly proposals: Map<string, Body>
    readonly precedes: Precedes | undefined
    readonly mayBeReplaced: ((node: number) => boolean) | undefined
    readonly authorities: ResolutionAuthorities
  }) {
    const { undoLog } = this
    this.objects = Object.fromEntries(
      OBJECT_TABLES.map(name => [name, new VersionedTable<Body>(undoLog)]),
    ) as View['objects']
    this.writers = new VersionedTable(undoLog)
    this.contested = new VersionedTable(undoLog)
    this.settled = new VersionedTable(undoLog)
    this.listIndex = new VersionedTable(undoLog)
    this.problems = new VersionedTable(undoLog)
    this.proposals = parts.proposals
    this.precedes = parts.precedes
    this.mayBeReplaced = parts.mayBeReplaced
    this.authorities = parts.authorities
  }
}

/** The application of one event to a view. A reducer makes all its checks before it writes. */
export class Step {
  readonly view: View
  readonly event: EventRecord
  /** The event in stored form. */
  readonly text: Uint8Array
  /** Empty if the event's payload is not an object. */
  readonly payload: Body
  /** The nodes that carry the event. */
  readonly nodes: readonly number[] | undefined
  readonly problems: Problem[] = []
  /** Ids of the findings that this event wrote or whose fields it set. */
  readonly findings = new Set<string>()

  constructor(view: View, event: EventRecord, carried: ReplayEvent) {
    this.view = view
    this.event = event
    this.text = carried.text
    this.payload = event.payload instanceof Map ? event.payload : new Map()
    this.nodes = carried.nodes
  }

  /**
   * Reports a problem of an event that applies in part; a reducer throws if the event does not
   * apply at all.
   */
  report(code: ErrorCode, reason: string): void {
    this.problems.push({ event: this.event.id, kind: excerpt(this.event.kind), code, reason })
  }

  /**
   * Returns the payload of a proposal; undefined, and the view notes it as missing, if it is not
   * available.
   */
  proposalPayload(id: string): Body | undefined {
    const { proposals, missingProposals: missing, undoLog } = this.view
    const payload = proposals.get(id)
    if (payload === undefined) missing.set(id, Math.min(missing.get(id) ?? undoLog.count, undoLog.count - 1))
    return payload
  }

  /** Returns an object of the view. @throws ReplicaError ERR_EVENT_TARGET */
  object(table: ObjectTable, id: string): Body {
    const body = this.view.objects[table].get(id)
    if (body === undefined) throw new ReplicaError('ERR_EVENT_TARGET', `${excerpt(id)} is not among the ${table}`)
    return body
  }

  /** Sets an object of the view. */
  write(table: ObjectTable, id: string, body: Body): void {
    this.view.objects[table].set(id, body)
    if (table === 'findings') this.findings.add(id)
  }
}
