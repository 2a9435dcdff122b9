// The current writers of each field of a finding. A writer is current if no other writer has seen
// it. A new event is compared with the current writers only, so the cost depends on how many events
// are concurrent, not on how many there are. This file does not choose the value that a view shows.
// Spec: protocol/replay.md, R15–R17 (the spec says *setter*).

import { REPLAY_LIMITS } from '../../base/limits.ts'
import { trimWhiteSpace } from '../../base/text.ts'
import { printJson } from '../../json/json.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { SCORE_DISTANCE_MAX } from '../federation/diff.ts'
import {
  FIELDS,
  type Field,
  type FieldState,
  type FieldStates,
  type FieldWriter,
  type Verdicts,
} from './contestable-fields.ts'
import type { Step, View } from './state.ts'

/**
 * Records that the event of the step set a field. It replaces the current writers that it has seen
 * and becomes current unless one of them has seen it.
 * @returns the replaced writers
 */
export function recordWriter(
  step: Step,
  finding: string,
  set: { readonly field: Field; readonly value: Json; readonly verdicts?: Verdicts },
): readonly FieldWriter[] {
  const { view, event, nodes } = step
  const states = view.writers.get(finding) ?? {}
  const { writers = [], droppedCount = 0 } = states[set.field] ?? {}
  const writer: FieldWriter = { event: event.id, value: set.value, nodes, verdicts: set.verdicts }
  const kept = writers.filter(other => !hasSeen(view, writer, other))
  if (!kept.some(other => hasSeenLater(view, other, writer))) kept.push(writer)
  const over = Math.max(0, kept.length - REPLAY_LIMITS.settersMax)
  const current = kept.slice(over)
  const state: FieldState = {
    writers: current,
    // A writer that has seen all others counts as having seen the dropped ones; nothing else could
    // settle them.
    droppedCount: kept.length === 1 ? 0 : droppedCount + over,
    contested: isContested(set.field, current),
  }
  const fields: FieldStates = { ...states, [set.field]: state }
  view.writers.set(finding, fields)
  const contested = FIELDS.some(field => fields[field]?.contested)
  if (contested !== view.contested.has(finding)) view.contested.set(finding, contested ? true : undefined)
  step.findings.add(finding)
  return writers.filter(other => !kept.includes(other))
}

/**
 * Without a causal order, a later event has seen all earlier ones. If several nodes carry an event,
 * one pair of nodes in causal order is enough.
 */
function hasSeen({ precedes }: View, later: FieldWriter, earlier: FieldWriter): boolean {
  if (precedes === undefined || later.nodes === undefined || earlier.nodes === undefined) return true
  const { nodes } = earlier
  return later.nodes.some(b => nodes.some(a => precedes(a, b)))
}

/**
 * An event of several nodes is replayed at the first of them. Through another of its nodes, it may
 * have seen an event that is replayed later.
 */
function hasSeenLater(view: View, earlier: FieldWriter, later: FieldWriter): boolean {
  return (earlier.nodes?.length ?? 0) > 1 && later.nodes !== undefined && hasSeen(view, earlier, later)
}

function isContested(field: Field, writers: readonly FieldWriter[]): boolean {
  if (writers.length < 2) return false
  if (field === 'confidence') {
    const scores = writers.map(({ value }) => scoreOf(value))
    return Math.max(...scores) - Math.min(...scores) > SCORE_DISTANCE_MAX
  }
  if (field === 'polarity') {
    const values = [...new Set(writers.map(({ value }) => value))]
    return values.some(a => values.some(b => opposed(a, b)))
  }
  return writers.some(writer => valuesConflict(field, writers[0]!, writer))
}

/** Returns whether the values of two concurrent writers conflict. */
export function valuesConflict(field: Field, a: FieldWriter, b: FieldWriter): boolean {
  if (field === 'confidence') return Math.abs(scoreOf(a.value) - scoreOf(b.value)) > SCORE_DISTANCE_MAX
  if (field === 'polarity') return opposed(a.value, b.value) || opposed(b.value, a.value)
  if (field === 'text') return trimWhiteSpace(a.value as string) !== trimWhiteSpace(b.value as string)
  return printJson(a.value) !== printJson(b.value)
}

/** The values are `for`, `for:positive`, `for:negative`, `against`, `open`. */
function opposed(a: Json, b: Json): boolean {
  return (String(a).startsWith('for') && b === 'against') || (a === 'for:positive' && b === 'for:negative')
}

function scoreOf(value: Json): number {
  return value instanceof JsonNumber ? value.toNumber() : Number.NaN
}
