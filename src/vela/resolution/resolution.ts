// Resolution of a conflict: anybody may make a proposal, and a person accepts it, which makes a
// signed event of it. A conflict is settled once, only by a person, and repeating a step returns
// the existing result. No clock: the caller passes times as text. Spec: protocol/resolution.md,
// G11–G14.

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

/** The kind of proposals that resolve a conflict. */
const CONFLICT_RESOLVE = 'frontier.conflict_resolve'

/** The input of proposeResolution. */
export interface ResolutionDraft {
  /** `vfr_…` */
  readonly frontier: string
  /** Id of the event that recorded the conflict (`vev_…`), or of a computed conflict (`vcx_…`). */
  readonly conflict: string
  readonly actor: { readonly id: string; readonly type?: string }
  readonly note: string
  /** Default: `Conflict resolution: <note>`. */
  readonly reason?: string
  /** Id of the winning proposal. */
  readonly winner?: string
  /** The outcome: the value that an event set, or a value (any that toJson accepts). */
  readonly choice?: { readonly event: string } | { readonly value: unknown }
  /** RFC 3339. */
  readonly created_at: string
  readonly source_refs?: readonly string[]
  readonly caveats?: readonly string[]
}

/**
 * A computed conflict (protocol/replay.md, R16), which no event records; every replica computes the
 * same id.
 */
export interface KnownConflict extends ConflictSubject {
  readonly id: string
}

/** The conflicts and resolutions of a frontier, and the actors that may resolve. */
export interface ResolutionContext {
  /** The events that record or resolve conflicts; others are ignored. */
  readonly events: readonly LoggedEvent[]
  readonly computed: readonly KnownConflict[]
  readonly authorities: ResolutionAuthorities
}

/**
 * Returns a proposal to settle a recorded or computed conflict. If concurrent resolutions contest
 * each other, the proposal supersedes all of them. Making the proposal again after it settled the
 * conflict returns the same proposal.
 * @throws ReplicaError ERR_FRONTIER_ID, ERR_PROPOSAL, ERR_CONFLICT_UNKNOWN, ERR_CONFLICT_SETTLED,
 *   ERR_JSON
 */
export function proposeResolution(draft: ResolutionDraft, context: ResolutionContext): Proposal {
  const { frontier, conflict, note, choice } = draft
  checkFrontierId(frontier)
  if (isBlank(note)) throw refusal('the note of a resolution is blank')
  const subject = checkKnown(conflict, context)
  const before = existingProposal({ draft, subject }, context)
  if (before !== undefined) return before
  const contested = checkOpen(conflict, context)
  if (choice !== undefined && subject === undefined)
    throw refusal('no event states which finding the conflict is about')
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

/**
 * Returns the equal proposal that settled the conflict. While it is contested, an equal proposal is
 * a new decision.
 */
function existingProposal(wanted: DraftWithSubject, context: ResolutionContext): Proposal | undefined {
  const found = resolutionsOf(wanted.draft.conflict, context)
  if (found?.state !== 'settled') return undefined
  for (const { proposal: id, outcome, supersedes } of [...found.standing, ...found.superseded]) {
    const made = draftProposal(wanted, supersedes)
    if (made.id === id && outcomeOf(made.payload as ReadonlyMap<string, Json>) === outcome) return made
  }
  return undefined
}

/** The input of acceptResolution. */
export interface Acceptance {
  /** `vfr_…` */
  readonly frontier: string
  /** Id of the person who accepts. */
  readonly reviewer: string
  /** The reviewer's key: a registered one, if any is registered. */
  readonly signer: Signer
  /** RFC 3339: the event's timestamp. */
  readonly at: string
  readonly decision_reason?: string
}

/** The result of acceptResolution. */
export interface Accepted {
  /** The resolving event: new, or the one that an earlier acceptance made. */
  readonly event: { readonly text: Uint8Array; readonly head: EventHead }
  /** The proposal with the status `applied`. */
  readonly proposal: Proposal
  /** `before` if an earlier acceptance made the event. */
  readonly applied: 'now' | 'before'
}

/**
 * Makes a signed event of a proposal. Accepting the same proposal again returns the existing event.
 * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR, ERR_INSTANT, ERR_PROPOSAL, ERR_CONFLICT_UNKNOWN,
 *   ERR_CONFLICT_SETTLED
 */
export function acceptResolution(proposal: Proposal, acceptance: Acceptance, context: ResolutionContext): Accepted {
  const { frontier, reviewer, signer, at } = acceptance
  if (readInstant(at) === undefined) throw new ReplicaError('ERR_INSTANT', 'the time of acceptance is not RFC 3339')
  checkReviewerKey({ id: reviewer, signer, at }, actorsOf(context.authorities))
  const payload = checkResolveProposal(proposal, frontier)
  const conflict = payload.get('conflict_event_id') as string
  checkChoice(payload.get('choice'), checkKnown(conflict, context))
  const before = existingResolution(proposal, context)
  if (before !== undefined)
    return { event: before, proposal: appliedProposal(proposal, before, acceptance), applied: 'before' }
  checkSupersedes(payload, checkOpen(conflict, context))
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

/**
 * Returns the payload of a proposal to settle a conflict of this frontier.
 * @throws ReplicaError ERR_PROPOSAL
 */
function checkResolveProposal(proposal: Proposal, frontier: string): ReadonlyMap<string, Json> {
  const { kind, target, payload, status } = proposal
  if (proposalId(proposal) !== proposal.id) throw refusal('the id of the proposal does not match its content')
  if (kind !== CONFLICT_RESOLVE) throw refusal(`a proposal of kind ${excerpt(kind)} settles no conflict`)
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

/**
 * Checks that the choice is about this conflict and has a legal value.
 * @throws ReplicaError ERR_PROPOSAL
 */
function checkChoice(choice: Json | undefined, about: ConflictSubject | undefined): void {
  if (!(choice instanceof Map)) return
  const { finding_id, kind } = subjectIn(choice)
  if (about !== undefined && (finding_id !== about.finding_id || kind !== about.kind))
    throw refusal('the choice is about another finding or kind than the conflict')
  if (choice.has('value')) checkChoiceValue(kind, choice.get('value')!)
}

/**
 * Returns the subject of a known conflict: from the event that recorded it, from the computed
 * conflict, or from the choice of a resolution that came from elsewhere. Undefined if such a
 * resolution has only a note.
 * @throws ReplicaError ERR_CONFLICT_UNKNOWN
 */
export function checkKnown(id: string, context: ResolutionContext): ConflictSubject | undefined {
  const { events, computed } = context
  const found = computed.find(one => one.id === id)
  if (found !== undefined) return { finding_id: found.finding_id, kind: found.kind }
  const event = events.find(({ head }) => head.id === id && head.kind === CONFLICT_DETECTED)
  if (event !== undefined) return recordedConflict(event)
  const resolutions = resolutionsOf(id, context)
  if (resolutions === undefined) throw new ReplicaError('ERR_CONFLICT_UNKNOWN', `unknown conflict ${excerpt(id)}`)
  return subjectOf(resolutions)
}

/** @throws ReplicaError ERR_CONFLICT_UNKNOWN */
function recordedConflict(event: LoggedEvent): ConflictSubject {
  const conflict = readRecorded(event)
  if (conflict !== undefined) return { finding_id: conflict.finding_id, kind: conflict.kind }
  throw new ReplicaError('ERR_CONFLICT_UNKNOWN', `${excerpt(event.head.id)} is not a well-formed recorded conflict`)
}

/**
 * Returns the resolutions that contest each other, if any.
 * @throws ReplicaError ERR_CONFLICT_SETTLED if they agree
 */
export function checkOpen(conflict: string, context: ResolutionContext): ConflictResolutions | undefined {
  const found = resolutionsOf(conflict, context)
  if (found === undefined || found.state === 'contested') return found
  throw new ReplicaError('ERR_CONFLICT_SETTLED', `the conflict was already settled by ${found.standing[0]!.event}`, {
    facts: { events: standingIds(found) },
  })
}

function checkSupersedes(payload: ReadonlyMap<string, Json>, contested: ConflictResolutions | undefined): void {
  const named = [...((payload.get('supersedes') ?? []) as string[])].sort()
  const standing = contested === undefined ? [] : standingIds(contested)
  if (named.length === standing.length && named.every((id, index) => id === standing[index])) return
  throw new ReplicaError('ERR_CONFLICT_SETTLED', 'the proposal does not supersede exactly the standing resolutions', {
    facts: { events: standing },
  })
}

/** Returns each id once, sorted; ids are ASCII. */
function standingIds({ standing }: ConflictResolutions): string[] {
  return [...new Set(standing.map(({ event }) => event))].sort()
}

/** Returns the event that an earlier acceptance of this proposal made: same id and same outcome. */
function existingResolution(proposal: Proposal, context: ResolutionContext): LoggedEvent | undefined {
  const { payload } = proposal
  const { standing = [], superseded = [] } = resolutionsOf(conflictOf(payload), context) ?? {}
  const before = [...standing, ...superseded].find(
    one => one.proposal === proposal.id && one.outcome === outcomeOf(payload as ReadonlyMap<string, Json>),
  )
  return before?.source
}

function resolutionsOf(
  conflict: Json | undefined,
  { events, authorities }: ResolutionContext,
): ConflictResolutions | undefined {
  return readResolutions(events, authorities).conflicts.find(one => one.conflict === conflict)
}

function conflictOf(payload: Json): Json | undefined {
  return payload instanceof Map ? payload.get('conflict_event_id') : undefined
}

/**
 * The reference's members and the signer's key, then the optional members that the proposal has;
 * null means absent.
 */
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

/** Returns the event with the signer's signature in the bare form. */
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
