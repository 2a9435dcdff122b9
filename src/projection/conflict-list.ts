// Lists the conflicts of a frontier: those that replay computes (protocol/replay.md, R16), and
// those between resolutions of which replay computes none, because they set no field
// (protocol/resolution.md, G16).

import type { LoggedEvent } from '../event/event.ts'
import type { Json } from '../json/value.ts'
import { readRecorded, subjectOf } from '../vela/resolution/recorded-conflict.ts'
import type { ConflictResolutions, Resolution } from '../vela/resolution/resolution-events.ts'
import type { Field } from '../vela/state/contestable-fields.ts'
import { type ComputedConflict, mayBeReplaced, viewConflicts } from '../vela/state/field-conflicts.ts'
import type { View } from '../vela/state/state.ts'
import type { Settled } from './resolution-log.ts'

/** An open conflict. */
export interface ListedConflict {
  /** `vcx_…`; for conflicting resolutions the id of the conflict that they are about. */
  readonly id: string
  /** Undefined if nothing here states it. So is `kind`. */
  readonly findingId: string | undefined
  readonly kind: string | undefined
  /** Undefined for a conflict between resolutions that set no field. */
  readonly field: Field | undefined
  /** The two concurrent events, or the effective resolutions; in the order of their ids. */
  readonly events: readonly string[]
  /** The value that each event set or states. */
  readonly values: readonly Json[]
  /** `contested`: between resolutions. */
  readonly state: 'open' | 'contested'
}

/** Conflicts between resolutions. */
export interface ContestedConflict {
  readonly between: readonly ConflictResolutions[]
  /** Those of which replay computes none, by the ids of the conflicts that they are about. */
  readonly listed: readonly ListedConflict[]
}

export function contestedIn(view: View, { events, resolutions, nodes }: Settled): ContestedConflict {
  // A resolution whose text is withheld may replace some of them.
  const isSure = ({ standing }: ConflictResolutions): boolean =>
    !standing.some(({ event }) => mayBeReplaced(view, nodes.get(event)))
  const between = resolutions.conflicts.filter(one => one.state === 'contested' && isSure(one))
  const listed = between.filter(one => !isComputed(view, one)).map(one => listedContested(one, events))
  return { between, listed }
}

/**
 * Yields the computed conflicts, by finding, field and events, then the others. With `findings`,
 * only those of these findings and of unknown ones.
 */
export function* listConflicts(
  view: View,
  contested: ContestedConflict,
  findings?: ReadonlySet<string>,
): Generator<ListedConflict> {
  for (const conflict of viewConflicts(view, findings)) yield listedComputed(conflict, contested)
  for (const one of contested.listed)
    if (findings === undefined || one.findingId === undefined || findings.has(one.findingId)) yield one
}

export function listedComputed(conflict: ComputedConflict, { between }: ContestedConflict): ListedConflict {
  const { id, finding_id: findingId, kind, field, events, values } = conflict
  const state = between.some(one => isBetween(conflict, one)) ? 'contested' : 'open'
  return { id, findingId, kind, field, events, values, state }
}

/** Returns whether both events are effective resolutions that conflict. */
function isBetween({ events }: ComputedConflict, { standing }: ConflictResolutions): boolean {
  return events.every(event => standing.some(resolution => resolution.event === event))
}

/** Returns whether replay computes a conflict of these resolutions. */
function isComputed(view: View, contested: ConflictResolutions): boolean {
  const subject = subjectOf(contested)
  if (subject === undefined) return false
  for (const conflict of viewConflicts(view, [subject.finding_id])) if (isBetween(conflict, contested)) return true
  return false
}

/** `events`: recorded conflicts, which state the subject if no choice does. */
function listedContested(contested: ConflictResolutions, events: readonly LoggedEvent[]): ListedConflict {
  const { conflict: id, standing } = contested
  const recorded = events.filter(({ head }) => head.id === id).map(readRecorded)
  const subject = subjectOf(contested) ?? recorded.find(one => one !== undefined)
  return {
    id,
    findingId: subject?.finding_id,
    kind: subject?.kind,
    field: undefined,
    events: standing.map(({ event }) => event),
    values: standing.map(resolutionsOf),
    state: 'contested',
  }
}

/** Returns what a resolution chooses: a value, an event, a proposal, or its note. */
export function resolutionsOf({ choice, winner, note }: Resolution): Json {
  if (choice instanceof Map) return choice.get('value') ?? choice.get('event') ?? null
  return winner ?? note
}

/** Returns the first `most` items. */
export function firstOf<T>(items: Iterable<T>, most: number): T[] {
  const first: T[] = []
  for (const item of items) {
    if (first.length >= most) break
    first.push(item)
  }
  return first
}
