// Events that judge a finding (protocol/replay.md, R7): its review, its confidence, its retraction.

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

/** finding.rejected: somebody contests it; the state of review stays. */
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

/** finding.dependency_invalidated: what it stands on was retracted. */
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

/** The finding with a note of this event's author and time; as it was where it has one of that id. */
export function withAnnotation(
  finding: Body,
  step: Step,
  note: { readonly id: string; readonly text: string; readonly provenance?: Json },
): Body {
  const { event } = step
  const item = bodyOf({ ...note, author: event.actor.id, timestamp: event.timestamp })
  return withItem(step, ANNOTATIONS, { id: event.target.id, body: finding, item }) ?? finding
}
