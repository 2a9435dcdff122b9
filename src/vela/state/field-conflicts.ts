// What was set apart and can't both be (protocol/replay.md, R16, R17), read from the setters that stand. Conflicts are computed and
// never logged; an event that has seen both sides settles one by being there. Nothing here depends on clocks, on arrival, or on who
// merged what.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { compareText } from '../../base/text.ts'
import { printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { valuesConflict } from './field-writers.ts'
import { FIELD_KINDS, FIELDS, type Field, type FieldStates, type FieldWriter } from './fields.ts'
import { memberAt } from './json-path.ts'
import type { View } from './state.ts'

export interface ComputedConflict {
  /** `vcx_…`: the same wherever the same two events disagree about the same field. */
  readonly id: string
  readonly finding_id: string
  readonly kind: (typeof FIELD_KINDS)[Field]
  readonly field: Field
  /** The two events that had not seen each other, in the order of their ids. */
  readonly events: readonly [string, string]
  /** What each of them set. */
  readonly values: readonly [Json, Json]
}

export interface ContestedField {
  readonly finding_id: string
  readonly field: Field
  /** Of all events that stand for the field, in replay order. */
  readonly events: readonly string[]
  /** So many more stood than are kept. */
  readonly droppedCount: number
}

/**
 * The fields that are contested, by finding and field: what a view shows there is the value of the replay order, and
 * not yet anybody's decision.
 */
export function* viewContested(view: View, findings?: Iterable<string>): Generator<ContestedField> {
  for (const [finding_id, standing] of contestedFindings(view, findings)) {
    for (const field of FIELDS) {
      const state = standing[field]
      // With polarity alone it may be that every pair is a conflict of another field already.
      if (state?.contested && !conflictingPairs(standing, field).next().done)
        yield { finding_id, field, events: state.writers.map(({ event }) => event), droppedCount: state.droppedCount }
    }
  }
}

/**
 * Every pair of events that disagree, by finding, field and ids, one after the other: there may be many where many set
 * one field apart. `findings` narrows it to what a merge touched.
 */
export function* viewConflicts(view: View, findings?: Iterable<string>): Generator<ComputedConflict> {
  for (const [finding_id, standing] of contestedFindings(view, findings)) {
    for (const field of FIELDS) {
      if (standing[field]?.contested) yield* conflictsInField(finding_id, field, standing)
    }
  }
}

function* conflictsInField(finding_id: string, field: Field, standing: FieldStates): Generator<ComputedConflict> {
  for (const [a, b] of conflictingPairs(standing, field)) {
    const [events, values] = [[a.event, b.event] as const, [a.value, b.value] as const]
    const id = conflictId({ finding_id, field, events })
    yield { id, finding_id, kind: FIELD_KINDS[field], field, events, values }
  }
}

/** The conflict of this id that a resolution has settled: it took the place of both events. Undefined where there is none. */
export function settledConflict(view: View, id: string): ComputedConflict | undefined {
  for (const [, { finding_id, field, replaced }] of view.settled.entries()) {
    const standing = { [field]: { writers: replaced, droppedCount: 0, contested: true } }
    for (const conflict of conflictsInField(finding_id, field, standing)) if (conflict.id === id) return conflict
  }
  return undefined
}

/** Whoever stands for a field, or did before a resolution took the place; an event with this id, if there is one. */
export function writersOfEvent(
  view: View,
  of: Pick<ComputedConflict, 'finding_id' | 'field'>,
  event: string,
): FieldWriter[] {
  const settled = [...view.settled.entries()].map(([, one]) => one)
  const replaced = settled.filter(one => one.finding_id === of.finding_id && one.field === of.field)
  const all = [currentWriters(view, of), ...replaced.map(one => one.replaced)].flat()
  return all.filter(setter => setter.event === event)
}

/** The events that stand for a field, in replay order. */
export function currentWriters(view: View, of: Pick<ComputedConflict, 'finding_id' | 'field'>): readonly FieldWriter[] {
  return view.writers.get(of.finding_id)?.[of.field]?.writers ?? []
}

const MEMBERS = {
  confidence: ['confidence', 'score'],
  retracted: ['flags', 'retracted'],
  review_state: ['flags', 'review_state'],
  superseded: ['flags', 'superseded'],
  text: ['assertion', 'text'],
} as const

/** What the view shows for the field; undefined where the finding doesn't have it, and for polarity, which no member holds. */
export function shownValue(view: View, of: Pick<ComputedConflict, 'finding_id' | 'field'>): Json | undefined {
  const body = view.objects.findings.get(of.finding_id)
  return body === undefined || of.field === 'polarity' ? undefined : memberAt(body, MEMBERS[of.field])
}

/** The name of a computed conflict (R19): made of what it is about and of the two events, whoever computes it. */
export function conflictId(conflict: Pick<ComputedConflict, 'finding_id' | 'field' | 'events'>): string {
  const { finding_id, field, events } = conflict
  return `vcx_${toHex(sha256(utf8(printJson([finding_id, field, ...events])))).slice(0, 16)}`
}

function* contestedFindings(view: View, findings?: Iterable<string>): Generator<[string, FieldStates]> {
  const all = findings ?? Array.from(view.contested.entries(), ([id]) => id)
  for (const id of [...new Set(all)].sort(compareText)) {
    const standing = view.contested.has(id) ? view.writers.get(id) : undefined
    if (standing !== undefined) yield [id, standing]
  }
}

function* conflictingPairs(standing: FieldStates, field: Field): Generator<[FieldWriter, FieldWriter]> {
  const setters = [...(standing[field]?.writers ?? [])].sort((a, b) => compareText(a.event, b.event))
  for (const [at, a] of setters.entries()) {
    for (const b of setters.slice(at + 1)) if (valuesConflict(field, a, b) && !verdictsDiffer(a, b)) yield [a, b]
  }
}

/** That an acceptance and a rejection differ in polarity too is no second conflict, not even where a person has settled the first. */
function verdictsDiffer(a: FieldWriter, b: FieldWriter): boolean {
  return (['retracted', 'review_state'] as const).some(verdict => {
    const [one, other] = [a.verdicts?.[verdict], b.verdicts?.[verdict]]
    return one !== undefined && other !== undefined && printJson(one) !== printJson(other)
  })
}
