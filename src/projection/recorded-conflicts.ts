// Lists conflicts that events of the journal and of the log record: differences found by comparing
// frontiers. Resolutions decide whether they are settled. Spec: protocol/resolution.md, G11, G16.

import { compareText } from '../base/text.ts'
import type { LoggedEvent } from '../event/event.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { CONFLICT_DETECTED } from '../vela/payloads.ts'
import { readRecorded } from '../vela/resolution/recorded-conflict.ts'
import type { FrontierProjection } from './frontier-projection.ts'

/** A conflict that an event records. */
export interface RecordedConflict {
  /** Id of the event that recorded it, `vev_…`. */
  readonly id: string
  readonly findingId: string
  /** One of the kinds of `Conflict`. */
  readonly kind: string
  /** The peer that was compared with. */
  readonly peerId: string
  /** Text for people. */
  readonly detail: string | undefined
  /** The event's timestamp. */
  readonly at: string
  /** Where the event is. */
  readonly recordedIn: 'journal' | 'log'
  readonly state: 'open' | 'settled' | 'contested'
  /** Effective resolutions, by id. */
  readonly resolutions: readonly string[]
}

/** Returns recorded conflicts by finding, kind and id; with `findings`, of these only. */
export async function recordedConflicts(
  context: ReplicaContext,
  projection: FrontierProjection,
  { findings }: { readonly findings?: Iterable<string> } = {},
): Promise<RecordedConflict[]> {
  const wanted = findings === undefined ? undefined : new Set(findings)
  const { events, resolutions } = await projection.settled()
  const settled = new Map(resolutions.conflicts.map(one => [one.conflict, one]))
  const found = new Map<string, RecordedConflict>()
  const add = (event: LoggedEvent, recordedIn: RecordedConflict['recordedIn']): void => {
    const subject = readRecorded(event)
    const { id, timestamp: at } = event.head
    if (subject === undefined || found.has(id) || wanted?.has(subject.finding_id) === false) return
    const { state = 'open', standing = [] } = settled.get(id) ?? {}
    const { finding_id: findingId, kind, peer_id: peerId, detail } = subject
    const resolved = standing.map(one => one.event)
    found.set(id, { id, findingId, kind, peerId, detail, at, recordedIn, state, resolutions: resolved })
  }
  for (const event of events) add(event, 'log')
  for await (const event of context.journal.events(projection.frontier))
    if (event.head.kind === CONFLICT_DETECTED) add(event, 'journal')
  const order = (a: RecordedConflict, b: RecordedConflict): number =>
    compareText(a.findingId, b.findingId) || compareText(a.kind, b.kind) || compareText(a.id, b.id)
  return [...found.values()].sort(order)
}
