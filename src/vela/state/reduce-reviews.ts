// Reducers of events that judge a finding: review, confidence, rejection, retraction.
// Spec: protocol/replay.md, R7.

import { printFixed } from '../../json/number.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import type { ReviewState } from '../files/frontier-file.ts'
import { recordWriter } from './field-writers.ts'
import { ANNOTATIONS, withItem } from './grow-only-lists.ts'
import { type Body, bodyOf, textOf, withMembers } from './json-path.ts'
import { numberIn, verdictIn } from './reducer-payload.ts'
import type { Step } from './state.ts'

/** finding.reviewed */
export function reviewFinding(step: Step): void {
  const { id } = step.event.target
  const verdict = verdictIn(step.payload)
  step.write('findings', id, withVerdict(step.object('findings', id), verdict))
  recordVerdict(step, id, verdict)
}

/** Returns the finding with a review; every verdict but `accepted` marks it as contested. */
export function withVerdict(finding: Body, verdict: ReviewState): Body {
  return withMembers(finding, ['flags'], { review_state: verdict, contested: verdict !== 'accepted' })
}

function recordVerdict(step: Step, id: string, verdict: ReviewState): void {
  recordWriter(step, id, { field: 'review_state', value: verdict })
  recordWriter(step, id, { field: 'polarity', value: POLARITY[verdict], verdicts: { review_state: verdict } })
}

const POLARITY = { accepted: 'for', contested: 'open', needs_revision: 'open', rejected: 'against' } as const

/** finding.confidence_revised */
export function reviseConfidence(step: Step): void {
  const { payload, event } = step
  const { id } = event.target
  const score = numberIn(payload, 'new_score')
  const before = payload.get('previous_score')
  const previous = before instanceof JsonNumber ? before.toNumber() : 0
  const value = JsonNumber.float(score)
  const confidence = withMembers(step.object('findings', id), ['confidence'], {
    score: value,
    basis: `expert revision from ${printFixed(previous, 3)} to ${printFixed(score, 3)}: ${event.reason}`,
    method: 'expert_judgment',
  })
  const updated = textOf(payload, 'updated_at') ?? event.timestamp
  step.write('findings', id, withMembers(confidence, [], { updated }))
  recordWriter(step, id, { field: 'confidence', value })
}

/** finding.rejected: marks the finding as contested; the review state stays. */
export function rejectFinding(step: Step): void {
  const { id } = step.event.target
  step.write('findings', id, withMembers(step.object('findings', id), ['flags'], { contested: true }))
  recordWriter(step, id, { field: 'polarity', value: 'against' })
}

/** finding.retracted */
export function retractFinding(step: Step): void {
  const { id } = step.event.target
  step.write('findings', id, withMembers(step.object('findings', id), ['flags'], { retracted: true }))
  recordWriter(step, id, { field: 'retracted', value: true })
  recordWriter(step, id, { field: 'polarity', value: 'against', verdicts: { retracted: true } })
}

/** finding.dependency_invalidated: a finding that this one depends on was retracted. */
export function invalidateDependency(step: Step): void {
  const { payload, event } = step
  const { id } = event.target
  const given = payload.get('depth')
  const depth = given instanceof JsonNumber && /^\d+$/.test(given.text) ? given.text : '1'
  const finding = withMembers(step.object('findings', id), ['flags'], { contested: true })
  const upstream = textOf(payload, 'upstream_finding_id') ?? '?'
  const note = {
    id: `ann_dep_${event.id.replace(/^vev_/, '')}_${depth}`,
    text: `Upstream ${upstream} retracted (cascade depth ${depth}).`,
  }
  step.write('findings', id, withAnnotation(finding, step, note))
}

/**
 * Returns the finding with a note by the event's actor at its time; unchanged if it has a note of
 * that id.
 */
export function withAnnotation(
  finding: Body,
  step: Step,
  note: { readonly id: string; readonly text: string; readonly provenance?: Json },
): Body {
  const { event } = step
  const item = bodyOf({ ...note, author: event.actor.id, timestamp: event.timestamp })
  return withItem(step, ANNOTATIONS, { id: event.target.id, body: finding, item }) ?? finding
}
