// The state that replay builds (protocol/replay.md, R1): six tables of objects as their last event left them, who set what, and what
// didn't apply. Everything that may be taken back lies in tables of one ledger. What is in here is for the files of this folder;
// callers have a view made, and read it, through functions.

import { type ErrorCode, ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import type { EventRecord } from '../../event/fields.ts'
import type { ResolutionAuthorities } from '../resolution/authority.ts'
import type { FieldStates, SettledField } from './fields.ts'
import type { Body } from './json-path.ts'
import { UndoLog, VersionedTable } from './undo-log.ts'

/** What didn't apply, or not in full, and why. Equal logs give equal problems, to the letter. */
export interface Problem {
  readonly event: string
  readonly kind: string
  readonly code: ErrorCode
  readonly reason: string
}

/** True when node `a` is an ancestor of node `b`; nodes are numbered as the caller likes. */
export type Precedes = (a: number, b: number) => boolean

export interface ReplayEvent {
  /** UTF-8 of the stored form. */
  readonly text: Uint8Array
  /** The nodes that carry it, by the numbers that `precedes` takes. */
  readonly nodes?: readonly number[]
}

export const OBJECT_TABLES = [
  'findings',
  'negative_results',
  'trajectories',
  'artifacts',
  'replications',
  'predictions',
] as const
export type ObjectTable = (typeof OBJECT_TABLES)[number]

export class View {
  readonly undoLog = new UndoLog()
  readonly objects: Readonly<Record<ObjectTable, VersionedTable<Body>>>
  /** By finding: the setters that stand. */
  readonly writers: VersionedTable<FieldStates>
  /** The findings of which a field is contested. */
  readonly contested: VersionedTable<true>
  /** What resolutions set, by the place of the event in the order. */
  readonly settled: VersionedTable<SettledField>
  /** Where in a list that grows its items are, by list, object and item (growing.ts). */
  readonly listIndex: VersionedTable<number>
  /** By the place of the event in the order. */
  readonly problems: VersionedTable<readonly Problem[]>
  /** Payloads of proposals by their ids. */
  readonly proposals: Map<string, Body>
  /** Ids of proposals that weren't at hand, with the first place in the order at which one was looked for. */
  readonly missingProposals = new Map<string, number>()
  readonly precedes: Precedes | undefined
  /** Who may settle. */
  readonly authorities: ResolutionAuthorities

  constructor(parts: {
    readonly seeds: Map<string, Body>
    readonly precedes: Precedes | undefined
    readonly deciders: ResolutionAuthorities
  }) {
    const { undoLog: ledger } = this
    this.objects = Object.fromEntries(
      OBJECT_TABLES.map(name => [name, new VersionedTable<Body>(ledger)]),
    ) as View['objects']
    this.writers = new VersionedTable(ledger)
    this.contested = new VersionedTable(ledger)
    this.settled = new VersionedTable(ledger)
    this.listIndex = new VersionedTable(ledger)
    this.problems = new VersionedTable(ledger)
    this.proposals = parts.seeds
    this.precedes = parts.precedes
    this.authorities = parts.deciders
  }
}

/** One event on its way into a view. Reducers check all before they write anything. */
export class Step {
  readonly view: View
  readonly event: EventRecord
  /** The event in stored form. */
  readonly text: Uint8Array
  /** Empty where the event's payload is no object. */
  readonly payload: Body
  /** The nodes that carry the event. */
  readonly nodes: readonly number[] | undefined
  readonly problems: Problem[] = []
  /** The findings that this event was about and did something to. */
  readonly findings = new Set<string>()

  constructor(view: View, event: EventRecord, carried: ReplayEvent) {
    this.view = view
    this.event = event
    this.text = carried.text
    this.payload = event.payload instanceof Map ? event.payload : new Map()
    this.nodes = carried.nodes
  }

  /** For what applies in part; what doesn't apply at all throws. */
  report(code: ErrorCode, reason: string): void {
    this.problems.push({ event: this.event.id, kind: excerpt(this.event.kind), code, reason })
  }

  /** The payload of a proposal, where it is at hand. */
  proposalPayload(id: string): Body | undefined {
    const { proposals: seeds, missingProposals: missed, undoLog: ledger } = this.view
    const seed = seeds.get(id)
    if (seed === undefined) missed.set(id, Math.min(missed.get(id) ?? ledger.count, ledger.count - 1))
    return seed
  }

  /** @throws ReplicaError ERR_EVENT_TARGET */
  object(table: ObjectTable, id: string): Body {
    const body = this.view.objects[table].get(id)
    if (body === undefined) throw new ReplicaError('ERR_EVENT_TARGET', `${excerpt(id)} is not in ${table}`)
    return body
  }

  write(table: ObjectTable, id: string, body: Body): void {
    this.view.objects[table].set(id, body)
    if (table === 'findings') this.findings.add(id)
  }
}
