// Conflicts between concurrent writers of one field, computed from the current writers and never
// logged. A later event that has seen both sides settles a conflict. The result does not depend on
// clocks, the order of arrival or merges. Spec: protocol/replay.md, R16, R17.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { compareText } from '../../base/text.ts'
import { printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import {
  FIELD_KINDS,
  FIELDS,
  type Field,
  type FieldState,
  type FieldStates,
  type FieldWriter,
} from './contestable-fields.ts'
import { valuesConflict } from './field-writers.ts'
import { memberAt } from './json-path.ts'
import type { View } from './state.ts'

/** Two concurrent events that set a field of a finding to conflicting values. */
export interface ComputedConflict {
  /** `vcx_` and 16 hex digits: equal on every replica. */
  readonly id: string
  readonly finding_id: string
  readonly kind: (typeof FIELD_KINDS)[Field]
  readonly field: Field
  /** Ids of the two events, in order. */
  readonly events: readonly [string, string]
  /** The value that each of them set. */
  readonly values: readonly [Json, Json]
}

/** A field of a finding with at least one conflict. */
export interface ContestedField {
  readonly finding_id: string
  readonly field: Field
  /** Ids of all current writers of the field, in replay order. */
  readonly events: readonly string[]
  /** Writers that were dropped beyond `REPLAY_LIMITS.settersMax`. */
  readonly droppedCount: number
}

/**
 * Yields the contested fields, sorted by finding and field. The view shows the last value in replay
 * order there, which is not a decision. `findings` limits the result to these ids.
 */
export function* viewContested(view: View, findings?: Iterable<string>): Generator<ContestedField> {
  for (const [finding_id, states] of contestedFindings(view, findings)) {
    for (const field of FIELDS) {
      const state = states[field]
      // A contested polarity may have no conflict of its own, if every pair conflicts in another
      // field.
      if (state?.contested && !conflictingPairs(states, field, view).next().done)
        yield { finding_id, field, events: state.writers.map(({ event }) => event), droppedCount: state.droppedCount }
    }
  }
}

/**
 * Yields every pair of conflicting events, sorted by finding, field and ids. The number of pairs is
 * quadratic in the concurrent writers of a field. `findings` limits the result to these ids, such
 * as those that a merge touched.
 */
export function* viewConflicts(view: View, findings?: Iterable<string>): Generator<ComputedConflict> {
  for (const [finding_id, states] of contestedFindings(view, findings)) {
    for (const field of FIELDS) {
      if (states[field]?.contested) yield* conflictsInField(view, finding_id, { field, states })
    }
  }
}

/** Without a view, also conflicts that content which is not known may have settled. */
function* conflictsInField(
  view: View | undefined,
  finding_id: string,
  { field, states }: { field: Field; states: FieldStates },
): Generator<ComputedConflict> {
  for (const [a, b] of conflictingPairs(states, field, view)) {
    const [events, values] = [[a.event, b.event] as const, [a.value, b.value] as const]
    const id = conflictId({ finding_id, field, events })
    yield { id, finding_id, kind: FIELD_KINDS[field], field, events, values }
  }
}

/**
 * Returns the conflict with this id that a resolution settled by replacing both events; undefined
 * if there is none.
 */
export function settledConflict(view: View, id: string): ComputedConflict | undefined {
  for (const [, { finding_id, field, replaced }] of view.settled.entries()) {
    const states = { [field]: { writers: replaced, droppedCount: 0, contested: true } satisfies FieldState }
    for (const conflict of conflictsInField(undefined, finding_id, { field, states }))
      if (conflict.id === id) return conflict
  }
  return undefined
}

/**
 * Returns the writers with this event id among the current ones of a field and those that a
 * resolution replaced.
 */
export function writersOfEvent(
  view: View,
  of: Pick<ComputedConflict, 'finding_id' | 'field'>,
  event: string,
): FieldWriter[] {
  const settled = [...view.settled.entries()].map(([, one]) => one)
  const replaced = settled.filter(one => one.finding_id === of.finding_id && one.field === of.field)
  const all = [currentWriters(view, of), ...replaced.map(one => one.replaced)].flat()
  return all.filter(writer => writer.event === event)
}

/** Returns the current writers of a field, in replay order. */
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

/**
 * Returns the value that the view shows; undefined if the finding lacks the field, and for
 * polarity, which is not stored.
 */
export function shownValue(view: View, of: Pick<ComputedConflict, 'finding_id' | 'field'>): Json | undefined {
  const body = view.objects.findings.get(of.finding_id)
  return body === undefined || of.field === 'polarity' ? undefined : memberAt(body, MEMBERS[of.field])
}

/**
 * Returns the id of a computed conflict, a hash of finding, field and events.
 * Spec: protocol/replay.md, R19.
 */
export function conflictId(conflict: Pick<ComputedConflict, 'finding_id' | 'field' | 'events'>): string {
  const { finding_id, field, events } = conflict
  return `vcx_${toHex(sha256(utf8(printJson([finding_id, field, ...events])))).slice(0, 16)}`
}

function* contestedFindings(view: View, findings?: Iterable<string>): Generator<[string, FieldStates]> {
  const all = findings ?? Array.from(view.contested.entries(), ([id]) => id)
  for (const id of [...new Set(all)].sort(compareText)) {
    const states = view.contested.has(id) ? view.writers.get(id) : undefined
    if (states !== undefined) yield [id, states]
  }
}

function* conflictingPairs(
  states: FieldStates,
  field: Field,
  view: View | undefined,
): Generator<[FieldWriter, FieldWriter]> {
  const known = (states[field]?.writers ?? []).filter(writer => !mayBeReplaced(view, writer.nodes))
  const writers = [...known].sort((a, b) => compareText(a.event, b.event))
  for (const [at, a] of writers.entries()) {
    for (const b of writers.slice(at + 1)) if (valuesConflict(field, a, b) && !verdictsDiffer(a, b)) yield [a, b]
  }
}

/** Whether content that is not known may have replaced what these nodes say. */
export function mayBeReplaced(view: View | undefined, nodes: readonly number[] | undefined): boolean {
  return nodes?.some(node => view?.mayBeReplaced?.(node)) === true
}

/**
 * A pair whose verdicts differ is a conflict of the verdict, open or settled, and not a second one
 * of the polarity.
 */
function verdictsDiffer(a: FieldWriter, b: FieldWriter): boolean {
  return (['retracted', 'review_state'] as const).some(verdict => {
    const [one, other] = [a.verdicts?.[verdict], b.verdicts?.[verdict]]
    return one !== undefined && other !== undefined && printJson(one) !== printJson(other)
  })
}
