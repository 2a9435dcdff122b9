// Settling a recorded conflict (protocol/resolution.md, G11–G14): a proposal that anybody may make, and its acceptance, by which a
// person makes a signed event of it. Nothing is settled twice, nothing settles itself, and doing the same again gives what
// was there. No clock: times come in as text.

import { toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { checkFrontierId } from '../../base/frontier-id.ts'
import { excerpt, isBlank } from '../../base/text.ts'
import type { LoggedEvent } from '../../event/event.ts'
import { type CheckedEvent, type EventDraft, type EventHead, eventSigningBytes, makeEvent } from '../../event/event.ts'
import type { Signer } from '../../event/signing.ts'
import { readInstant } from '../../json/instant.ts'
import { toJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { CONFLICT_DETECTED, CONFLICT_RESOLVED, checkFrontierPayload } from '../payloads.ts'
import { actorsOf, checkReviewerKey, type ResolutionAuthorities } from './authority.ts'
import { checkChoiceValue } from './field-values.ts'
import { makeProposal, type Proposal, proposalId } from './proposal.ts'
import { type ConflictSubject, readRecorded, subjectIn, subjectOf } from './recorded-conflict.ts'
import { type ConflictResolutions, outcomeOf, readResolutions } from './resolution-events.ts'

export const CONFLICT_RESOLVE = 'frontier.conflict_resolve'

export interface ResolutionDraft {
  readonly frontier: string
  /** The event that recorded the conflict. */
  readonly conflict: string
  readonly actor: { readonly id: string; readonly type?: string }
  readonly note: string
  /** `Conflict resolution: <note>` when absent. */
  readonly reason?: string
  readonly winner?: string
  /** What is to stand: the state that an event made, or a value of one's own (anything that toJson takes). */
  readonly choice?: { readonly event: string } | { readonly value: unknown }
  readonly created_at: string
  readonly source_refs?: readonly string[]
  readonly caveats?: readonly string[]
}

/** A computed conflict (protocol/replay.md, R16), which no event records, under the id that all replicas give it. */
export interface KnownConflict extends ConflictSubject {
  readonly id: string
}

/** What of a frontier there is to settle, and by whom. */
export interface ResolutionContext {
  /** Those that record conflicts or resolve them, among any others. */
  readonly events: readonly LoggedEvent[]
  readonly computed: readonly KnownConflict[]
  readonly authorities: ResolutionAuthorities
}

/**
 * A proposal to settle a conflict that the docket's events record or that is computed. Where resolutions made apart contest
 * each other, it is one to take the place of them all. The same again, once it is settled by that, is the same proposal.
 * @throws ReplicaError ERR_PROPOSAL, ERR_CONFLICT_UNKNOWN, ERR_CONFLICT_SETTLED, ERR_JSON
 */
export function proposeResolution(draft: ResolutionDraft, docket: ResolutionContext): Proposal {
  const { frontier, conflict, note, choice } = draft
  checkFrontierId(frontier)
  if (isBlank(note)) throw refusal('the note of a resolution is blank')
  const subject = checkKnown(conflict, docket)
  const before = existingProposal({ draft, subject }, docket)
  if (before !== undefined) return before
  const contested = checkOpen(conflict, docket)
  if (choice !== undefined && subject === undefined) throw refusal('the finding of the conflict is unknown here')
  if (choice !== undefined && 'value' in choice) checkChoiceValue(subject!.kind, toJson(choice.value))
  const proposal = draftProposal({ draft, subject }, contested === undefined ? [] : standingIds(contested))
  checkResolveProposal(proposal, frontier)
  return proposal
}

interface DraftWithSubject {
  readonly draft: ResolutionDraft
  readonly subject: ConflictSubject | undefined
}

function draftProposal({ draft, subject }: DraftWithSubject, supersedes: readonly string[]): Proposal {
  const { frontier, conflict, actor, note, winner, choice, created_at, source_refs = [], caveats = [] } = draft
  return makeProposal({
    kind: CONFLICT_RESOLVE,
    target: { type: 'frontier_observation', id: frontier },
    actor,
    reason: draft.reason ?? `Conflict resolution: ${note}`,
    payload: {
      conflict_event_id: conflict,
      resolution_note: note,
      winning_proposal_id: winner,
      choice: choice && { ...subject, ...choice },
      supersedes: supersedes.length === 0 ? undefined : supersedes,
    },
    created_at,
    source_refs,
    caveats,
  })
}

/** The very proposal that a conflict was settled by. While it is contested, the same again is a decision about that. */
function existingProposal(wanted: DraftWithSubject, docket: ResolutionContext): Proposal | undefined {
  const found = resolutionsOf(wanted.draft.conflict, docket)
  if (found?.state !== 'settled') return undefined
  for (const { proposal: id, outcome, supersedes } of [...found.standing, ...found.superseded]) {
    const made = draftProposal(wanted, supersedes)
    if (made.id === id && outcomeOf(made.payload as ReadonlyMap<string, Json>) === outcome) return made
  }
  return undefined
}

export interface Acceptance {
  readonly frontier: string
  readonly reviewer: string
  /** The reviewer's own key: the registered one, where one is registered. */
  readonly signer: Signer
  /** RFC 3339: the event's timestamp. */
  readonly at: string
  readonly decision_reason?: string
}

export interface Accepted {
  /** The resolving event: new, or the one that this proposal became before. */
  readonly event: { readonly text: Uint8Array; readonly head: EventHead }
  readonly proposal: Proposal
  readonly applied: 'now' | 'before'
}

/**
 * Makes a signed event of a proposal. The same proposal accepted again gives the event that is there.
 * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR, ERR_INSTANT, ERR_PROPOSAL, ERR_CONFLICT_UNKNOWN, ERR_CONFLICT_SETTLED
 */
export function acceptResolution(proposal: Proposal, acceptance: Acceptance, docket: ResolutionContext): Accepted {
  const { frontier, reviewer, signer, at } = acceptance
  if (readInstant(at) === undefined) throw new ReplicaError('ERR_INSTANT', 'the time of acceptance is not RFC 3339')
  checkReviewerKey({ id: reviewer, signer, at }, actorsOf(docket.authorities))
  const payload = checkResolveProposal(proposal, frontier)
  const conflict = payload.get('conflict_event_id') as string
  checkChoice(payload.get('choice'), checkKnown(conflict, docket))
  const before = existingResolution(proposal, docket)
  if (before !== undefined)
    return { event: before, proposal: appliedProposal(proposal, before, acceptance), applied: 'before' }
  checkSupersedes(payload, checkOpen(conflict, docket))
  const event = signedEvent(
    {
      kind: CONFLICT_RESOLVED,
      target: { type: 'frontier_observation', id: frontier },
      actor: { id: reviewer, type: 'human' },
      reason: proposal.reason,
      timestamp: at,
      payload: resolvedPayload(proposal, payload, acceptance),
    },
    signer,
  )
  return { event, proposal: appliedProposal(proposal, event, acceptance), applied: 'now' }
}

/** The proposal's payload, when it is one to settle a conflict of this frontier. @throws ReplicaError ERR_PROPOSAL */
function checkResolveProposal(proposal: Proposal, frontier: string): ReadonlyMap<string, Json> {
  const { kind, target, payload, status } = proposal
  if (proposalId(proposal) !== proposal.id) throw refusal('the id of the proposal does not match its content')
  if (kind !== CONFLICT_RESOLVE) throw refusal(`a proposal of kind ${excerpt(kind)} can't settle a conflict`)
  if (target.type !== 'frontier_observation' || target.id !== frontier)
    throw refusal('the proposal is about another frontier')
  if (status === 'rejected') throw refusal('the proposal was rejected')
  if (!(payload instanceof Map)) throw refusal('the payload is not an object')
  try {
    checkFrontierPayload(CONFLICT_RESOLVED, new Map([...payload, ['resolved_by', 'somebody']]))
  } catch (error) {
    if (!hasCode(error, 'ERR_EVENT_SHAPE')) throw error
    throw refusal(error.message)
  }
  return payload
}

/** What is chosen is of this conflict and no other, and can be had. @throws ReplicaError ERR_PROPOSAL */
function checkChoice(choice: Json | undefined, about: ConflictSubject | undefined): void {
  if (!(choice instanceof Map)) return
  const { finding_id, kind } = subjectIn(choice)
  if (about !== undefined && (finding_id !== about.finding_id || kind !== about.kind))
    throw refusal('its choice is not about the field of the conflict')
  if (choice.has('value')) checkChoiceValue(kind, choice.get('value')!)
}

/**
 * What a conflict is about: by the event that recorded it, as it was computed, or, where it has been settled elsewhere
 * already, by what was chosen. Undefined where only a note was.
 * @throws ReplicaError ERR_CONFLICT_UNKNOWN
 */
export function checkKnown(id: string, docket: ResolutionContext): ConflictSubject | undefined {
  const { events, computed } = docket
  const found = computed.find(one => one.id === id)
  if (found !== undefined) return { finding_id: found.finding_id, kind: found.kind }
  const event = events.find(({ head }) => head.id === id && head.kind === CONFLICT_DETECTED)
  if (event !== undefined) return recordedConflict(event)
  const resolutions = resolutionsOf(id, docket)
  if (resolutions === undefined)
    throw new ReplicaError('ERR_CONFLICT_UNKNOWN', `there is no recorded or computed conflict ${excerpt(id)}`)
  return subjectOf(resolutions)
}

/** @throws ReplicaError ERR_CONFLICT_UNKNOWN */
function recordedConflict(event: LoggedEvent): ConflictSubject {
  const conflict = readRecorded(event)
  if (conflict !== undefined) return { finding_id: conflict.finding_id, kind: conflict.kind }
  throw new ReplicaError(
    'ERR_CONFLICT_UNKNOWN',
    `${excerpt(event.head.id)} does not have the form of a recorded conflict`,
  )
}

/** The resolutions that contest each other, if any do. @throws ReplicaError ERR_CONFLICT_SETTLED when one stands */
export function checkOpen(conflict: string, docket: ResolutionContext): ConflictResolutions | undefined {
  const found = resolutionsOf(conflict, docket)
  if (found === undefined || found.state === 'contested') return found
  throw new ReplicaError('ERR_CONFLICT_SETTLED', `the conflict was already settled by ${found.standing[0]!.event}`, {
    facts: { events: standingIds(found) },
  })
}

function checkSupersedes(payload: ReadonlyMap<string, Json>, contested: ConflictResolutions | undefined): void {
  const named = [...((payload.get('supersedes') ?? []) as string[])].sort()
  const standing = contested === undefined ? [] : standingIds(contested)
  if (named.length === standing.length && named.every((id, index) => id === standing[index])) return
  throw new ReplicaError('ERR_CONFLICT_SETTLED', 'the proposal does not name exactly the current resolutions', {
    facts: { events: standing },
  })
}

/** Each id once, in order; ids are ASCII. */
function standingIds({ standing }: ConflictResolutions): string[] {
  return [...new Set(standing.map(({ event }) => event))].sort()
}

/** The event that this very proposal became: one that only claims its id and says something else is not it. */
function existingResolution(proposal: Proposal, docket: ResolutionContext): LoggedEvent | undefined {
  const { payload } = proposal
  const { standing = [], superseded = [] } = resolutionsOf(conflictOf(payload), docket) ?? {}
  const before = [...standing, ...superseded].find(
    one => one.proposal === proposal.id && one.outcome === outcomeOf(payload as ReadonlyMap<string, Json>),
  )
  return before?.source
}

function resolutionsOf(
  conflict: Json | undefined,
  { events, authorities: deciders }: ResolutionContext,
): ConflictResolutions | undefined {
  return readResolutions(events, deciders).conflicts.find(one => one.conflict === conflict)
}

function conflictOf(payload: Json): Json | undefined {
  return payload instanceof Map ? payload.get('conflict_event_id') : undefined
}

/** The reference's members and the signer's key, then ours where the proposal has them; null stands for absent. */
function resolvedPayload(proposal: Proposal, payload: ReadonlyMap<string, Json>, by: Acceptance): Json {
  const carried = ['winning_proposal_id', 'choice', 'supersedes'].filter(name => (payload.get(name) ?? null) !== null)
  return toJson({
    proposal_id: proposal.id,
    conflict_event_id: payload.get('conflict_event_id'),
    resolved_by: by.reviewer,
    resolution_note: payload.get('resolution_note'),
    signer: by.signer.publicKey,
    ...Object.fromEntries(carried.map(name => [name, payload.get(name)])),
  })
}

/** The event with its maker's own signature, in the bare form. */
function signedEvent(draft: EventDraft, signer: Signer): CheckedEvent {
  const { text } = makeEvent(draft)
  return makeEvent({ ...draft, signature: toHex(signer.sign(eventSigningBytes(text, 'bare'))) })
}

function appliedProposal(proposal: Proposal, event: LoggedEvent, acceptance: Acceptance): Proposal {
  if (proposal.status === 'applied' && proposal.applied_event_id === event.head.id) return proposal
  return {
    ...proposal,
    status: 'applied',
    reviewed_by: event.head.actor.id,
    reviewed_at: event.head.timestamp,
    decision_reason: acceptance.decision_reason ?? proposal.reason,
    applied_event_id: event.head.id,
  }
}

function refusal(reason: string): ReplicaError {
  return new ReplicaError('ERR_PROPOSAL', reason)
}
