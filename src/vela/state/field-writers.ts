// Who set which field of a finding, and where that is contested (protocol/replay.md, R15–R17). Of each field only those setters are kept
// that no other setter had seen: they stand. An event is compared with these alone, so cost follows how much was made
// apart, not how much was made. Which value a view shows is not decided here.

import { REPLAY_LIMITS } from '../../base/limits.ts'
import { trimWhiteSpace } from '../../base/text.ts'
import { printJson } from '../../json/json.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { SCORE_DISTANCE_MAX } from '../federation/diff.ts'
import { FIELDS, type Field, type FieldState, type FieldStates, type FieldWriter, type Verdicts } from './fields.ts'
import type { Step, View } from './state.ts'

/**
 * Says that the event set this field: it takes the place of those standing that it had seen, which are answered, and stands unless
 * one of them saw it.
 */
export function recordWriter(
  step: Step,
  finding: string,
  set: { readonly field: Field; readonly value: Json; readonly verdicts?: Verdicts },
): readonly FieldWriter[] {
  const { view, event, nodes } = step
  const standing = view.writers.get(finding) ?? {}
  const { writers: setters = [], droppedCount: forgotten = 0 } = standing[set.field] ?? {}
  const setter: FieldWriter = { event: event.id, value: set.value, nodes, verdicts: set.verdicts }
  const kept = setters.filter(other => !hasSeen(view, setter, other))
  if (!kept.some(other => hasSeenLater(view, other, setter))) kept.push(setter)
  const over = Math.max(0, kept.length - REPLAY_LIMITS.settersMax)
  const stands = kept.slice(over)
  const state: FieldState = {
    writers: stands,
    // Who saw all of the others is taken to have seen those forgotten too: what else could settle them?
    droppedCount: kept.length === 1 ? 0 : forgotten + over,
    contested: isContested(set.field, stands),
  }
  const fields: FieldStates = { ...standing, [set.field]: state }
  view.writers.set(finding, fields)
  const contested = FIELDS.some(field => fields[field]?.contested)
  if (contested !== view.contested.has(finding)) view.contested.set(finding, contested ? true : undefined)
  step.findings.add(finding)
  return setters.filter(other => !kept.includes(other))
}

/** Without a causal order, what comes later has seen what came before. An event may be carried by several nodes: one that saw is enough. */
function hasSeen({ precedes }: View, later: FieldWriter, earlier: FieldWriter): boolean {
  if (precedes === undefined || later.nodes === undefined || earlier.nodes === undefined) return true
  const { nodes } = earlier
  return later.nodes.some(b => nodes.some(a => precedes(a, b)))
}

/** An event of several nodes is replayed at the first of them; by another it may have seen what is replayed later. */
function hasSeenLater(view: View, earlier: FieldWriter, later: FieldWriter): boolean {
  return (earlier.nodes?.length ?? 0) > 1 && later.nodes !== undefined && hasSeen(view, earlier, later)
}

function isContested(field: Field, setters: readonly FieldWriter[]): boolean {
  if (setters.length < 2) return false
  if (field === 'confidence') {
    const scores = setters.map(({ value }) => scoreOf(value))
    return Math.max(...scores) - Math.min(...scores) > SCORE_DISTANCE_MAX
  }
  if (field === 'polarity') {
    const values = [...new Set(setters.map(({ value }) => value))]
    return values.some(a => values.some(b => opposed(a, b)))
  }
  return setters.some(setter => valuesConflict(field, setters[0]!, setter))
}

/** True when two setters that had not seen each other say what can't both be. */
export function valuesConflict(field: Field, a: FieldWriter, b: FieldWriter): boolean {
  if (field === 'confidence') return Math.abs(scoreOf(a.value) - scoreOf(b.value)) > SCORE_DISTANCE_MAX
  if (field === 'polarity') return opposed(a.value, b.value) || opposed(b.value, a.value)
  if (field === 'text') return trimWhiteSpace(a.value as string) !== trimWhiteSpace(b.value as string)
  return printJson(a.value) !== printJson(b.value)
}

/** `for`, `for:positive`, `for:negative`, `against`, `open`. */
function opposed(a: Json, b: Json): boolean {
  return (String(a).startsWith('for') && b === 'against') || (a === 'for:positive' && b === 'for:negative')
}

function scoreOf(value: Json): number {
  return value instanceof JsonNumber ? value.toNumber() : Number.NaN
}
