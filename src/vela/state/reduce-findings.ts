// Reducers of events that bring findings. The body is in the payload, or in the proposal that a
// *thin* event names. A body from a proposal is used only if the event's after_hash is its hash. An
// assertion is a writer of the fields of its finding even if the finding exists already.
// Spec: protocol/replay.md, R4–R6.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { NULL_HASH } from '../../event/fields.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { readFinding } from '../files/frontier-file.ts'
import { findingHash } from '../hashes/snapshot-hash.ts'
import { recordWriter } from './field-writers.ts'
import { type Body, memberAt, textOf, withMembers } from './json-path.ts'
import { malformed, objectIn } from './reducer-payload.ts'
import type { Step } from './state.ts'

/** finding.asserted */
export function assertFinding(step: Step): void {
  const { payload, event, view } = step
  const { id } = event.target
  if ((payload.get('finding') ?? null) !== null) return addFinding(step, checkedBody(objectIn(payload, 'finding'), id))
  const hasProposal = step.proposalPayload(textOf(payload, 'proposal_id') ?? '') !== undefined
  // The findings of an old log are in its genesis; its assertions refer to no proposal.
  if (view.objects.findings.has(id) && (!hasProposal || event.after_hash === NULL_HASH)) return
  const body = checkedBody(findingInProposal(step, 'finding'), id)
  if (findingHash(body) !== event.after_hash)
    throw new ReplicaError('ERR_PROPOSAL', "the hash of the proposal's finding is not after_hash")
  addFinding(step, body)
}

/** finding.superseded: marks the old finding and adds its replacement from the proposal. */
export function supersedeFinding(step: Step): void {
  const { payload, event, view } = step
  const { id } = event.target
  const old = step.object('findings', id)
  step.write('findings', id, withMembers(old, ['flags'], { superseded: true }))
  const replacement = textOf(payload, 'new_finding_id')
  recordWriter(step, id, { field: 'superseded', value: replacement ?? true })
  if (replacement !== undefined && view.objects.findings.has(replacement)) return
  if (replacement === undefined && textOf(payload, 'proposal_id') === undefined) return
  try {
    addFinding(step, checkedBody(findingInProposal(step, 'new_finding'), replacement))
  } catch (error) {
    if (!hasCode(error)) throw error
    step.report(error.code, `the replacement is missing: ${error.message}`)
  }
}

/** @throws ReplicaError ERR_EVENT_SHAPE, ERR_EVENT_TARGET, ERR_PROPOSAL */
function findingInProposal(step: Step, member: 'finding' | 'new_finding'): Body {
  const proposal = textOf(step.payload, 'proposal_id')
  if (proposal === undefined) throw malformed('the event has neither a body nor a proposal')
  const payload = step.proposalPayload(proposal)
  if (payload === undefined)
    throw new ReplicaError('ERR_EVENT_TARGET', `proposal ${excerpt(proposal)} is not available`)
  const body = payload.get(member)
  if (body instanceof Map) return body
  throw new ReplicaError('ERR_PROPOSAL', `proposal ${excerpt(proposal)} has no ${member}`)
}

/** @throws ReplicaError ERR_FRONTIER for a malformed finding, ERR_EVENT_SHAPE for another id */
function checkedBody(body: Body, id: string | undefined): Body {
  const finding = readFinding(body as Map<string, Json>)
  if (id !== undefined && finding.id !== id)
    throw malformed(`the finding is ${excerpt(finding.id)}, not ${excerpt(id)}`)
  return body
}

/** Adds the finding if it is new, and records the event as a writer of its fields. */
function addFinding(step: Step, body: Body): void {
  const { id, text, score, retracted, superseded, review_state } = readFinding(body as Map<string, Json>)
  if (!step.view.objects.findings.has(id)) step.write('findings', id, body)
  const direction = memberAt(body, ['assertion', 'direction'])
  const polarity = direction === 'positive' || direction === 'negative' ? `for:${direction}` : 'for'
  recordWriter(step, id, { field: 'text', value: text })
  recordWriter(step, id, { field: 'confidence', value: JsonNumber.float(score) })
  const verdicts = { ...(retracted && { retracted }), ...(review_state !== undefined && { review_state }) }
  recordWriter(step, id, { field: 'polarity', value: polarity, verdicts })
  // A body that is not retracted, superseded or reviewed sets none of these fields.
  if (retracted) recordWriter(step, id, { field: 'retracted', value: true })
  if (superseded) recordWriter(step, id, { field: 'superseded', value: true })
  if (review_state !== undefined) recordWriter(step, id, { field: 'review_state', value: review_state })
}
