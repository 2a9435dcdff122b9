// Conflicts that events record: those of this replica's journal, and those that came in with the log. They say that two frontiers differed
// when somebody compared them; whether they have been settled since, resolutions say (protocol/resolution.md, G11, G16).

import { compareText } from '../base/text.ts'
import type { LoggedEvent } from '../event/event.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { CONFLICT_DETECTED } from '../vela/payloads.ts'
import { type RecordedSubject, readRecorded } from '../vela/resolution/recorded-conflict.ts'
import type { FrontierProjection } from './frontier-projection.ts'

export interface RecordedConflict extends RecordedSubject {
  /** The event that recorded it. */
  readonly id: string
  /** The event's timestamp. */
  readonly at: string
  /** Where the event is. */
  readonly recorded_in: 'journal' | 'log'
  readonly state: 'open' | 'settled' | 'contested'
  /** The resolutions that stand, in the order of their ids. */
  readonly resolutions: readonly string[]
}

/** By finding, kind and id; of these findings only, when given. */
export async function recordedConflicts(
  home: ReplicaContext,
  projection: FrontierProjection,
  { findings }: { readonly findings?: Iterable<string> } = {},
): Promise<RecordedConflict[]> {
  const wanted = findings === undefined ? undefined : new Set(findings)
  const { events, resolutions } = await projection.settled()
  const settled = new Map(resolutions.conflicts.map(one => [one.conflict, one]))
  const found = new Map<string, RecordedConflict>()
  const add = (event: LoggedEvent, recorded_in: RecordedConflict['recorded_in']): void => {
    const subject = readRecorded(event)
    const { id, timestamp: at } = event.head
    if (subject === undefined || found.has(id) || wanted?.has(subject.finding_id) === false) return
    const { state = 'open', standing = [] } = settled.get(id) ?? {}
    found.set(id, { id, ...subject, at, recorded_in, state, resolutions: standing.map(one => one.event) })
  }
  for (const event of events) add(event, 'log')
  for await (const event of home.journal.events(projection.frontier))
    if (event.head.kind === CONFLICT_DETECTED) add(event, 'journal')
  const order = (a: RecordedConflict, b: RecordedConflict): number =>
    compareText(a.finding_id, b.finding_id) || compareText(a.kind, b.kind) || compareText(a.id, b.id)
  return [...found.values()].sort(order)
}
