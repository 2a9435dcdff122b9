// The conflicts of a frontier as they are listed: those that replay computes (protocol/replay.md, R16), and those whose resolutions contest
// each other (protocol/resolution.md, G16) where replay has no conflict of these resolutions, since they set no field apart.

import type { LoggedEvent } from '../event/event.ts'
import type { Json } from '../json/value.ts'
import { readRecorded, subjectOf } from '../vela/resolution/recorded-conflict.ts'
import type { ConflictResolutions, Resolution } from '../vela/resolution/resolution-events.ts'
import type { Field } from '../vela/state/contestable-fields.ts'
import { type ComputedConflict, viewConflicts } from '../vela/state/field-conflicts.ts'
import type { View } from '../vela/state/state.ts'
import type { Settled } from './resolution-log.ts'

export interface ListedConflict {
  /** `vcx_…`; of contested resolutions the id of the conflict that they are about. */
  readonly id: string
  /** Undefined where nothing here says it; so is `kind`. */
  readonly findingId: string | undefined
  readonly kind: string | undefined
  /** Undefined where resolutions contest each other and set no field apart. */
  readonly field: Field | undefined
  /** The two events made apart, or the resolutions that stand, in the order of their ids. */
  readonly events: readonly string[]
  /** What each of them set, or says. */
  readonly values: readonly Json[]
  /** `contested`: between resolutions, which were to settle it. */
  readonly state: 'open' | 'contested'
}

/** What resolutions contest. */
export interface ContestedConflict {
  readonly between: readonly ConflictResolutions[]
  /** Those of which replay computes no conflict, by the ids of what they are about. */
  readonly listed: readonly ListedConflict[]
}

export function contestedIn(view: View, { events, resolutions }: Settled): ContestedConflict {
  const between = resolutions.conflicts.filter(({ state }) => state === 'contested')
  const listed = between.filter(one => !isComputed(view, one)).map(one => listedContested(one, events))
  return { between, listed }
}

/** The computed ones, by finding, field and events, then the others; of these findings only, when given, and of those not known. */
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

/** Both events are resolutions that stand against each other. */
function isBetween({ events }: ComputedConflict, { standing }: ConflictResolutions): boolean {
  return events.every(event => standing.some(resolution => resolution.event === event))
}

/** Whether some of the resolutions set a field apart, which is a conflict by itself. */
function isComputed(view: View, contested: ConflictResolutions): boolean {
  const subject = subjectOf(contested)
  if (subject === undefined) return false
  for (const conflict of viewConflicts(view, [subject.finding_id])) if (isBetween(conflict, contested)) return true
  return false
}

/** `events`: those that record conflicts say what a conflict is about where no choice does. */
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

/** What is chosen, the event that is, the proposal that wins, or the note. */
export function resolutionsOf({ choice, winner, note }: Resolution): Json {
  if (choice instanceof Map) return choice.get('value') ?? choice.get('event') ?? null
  return winner ?? note
}

/** At most so many of what may be many more. */
export function firstOf<T>(items: Iterable<T>, most: number): T[] {
  const first: T[] = []
  for (const item of items) {
    if (first.length >= most) break
    first.push(item)
  }
  return first
}
