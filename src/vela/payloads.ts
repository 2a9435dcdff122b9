// The payloads of events: a type for each known kind, and the checks of the `frontier.*` kinds. The
// checks are those of the reference, and one of `frontier.merged`, which the reference lacks.
// Further members are allowed, as in the reference. Spec: protocol/resolution.md, G4, G5;
// protocol/replay.md, R3–R11.

import { NODE_LIMITS } from '../base/limits.ts'
import { excerpt, isBlank } from '../base/text.ts'
import { shapeError } from '../event/fields.ts'
import { parseJson } from '../json/json.ts'
import { type Json, JsonNumber } from '../json/value.ts'
import type { ReviewState } from './files/frontier-file.ts'

/** The kind of events that record a conflict. */
export const CONFLICT_DETECTED = 'frontier.conflict_detected'
/** The kind of events that resolve a conflict. */
export const CONFLICT_RESOLVED = 'frontier.conflict_resolved'

/**
 * A payload that this package does not read: a record of an act, or of a table that replay does not
 * build. No member is checked.
 */
export type UninterpretedPayload = unknown

/** An object that an event brings: replay stores it whole, under its `id`. */
export interface StoredObject {
  readonly id: string
  readonly [member: string]: unknown
}

/**
 * A finding as an event brings it: the members that replay requires; all others are stored with
 * them.
 */
export interface FindingContent extends StoredObject {
  readonly assertion: { readonly text: string; readonly [member: string]: unknown }
  /** `score` is not limited to a range. */
  readonly confidence: { readonly score: number; readonly [member: string]: unknown }
  /**
   * Absent `retracted` and `superseded` mean false; an absent or null `review_state` means not
   * reviewed.
   */
  readonly flags: {
    readonly retracted?: boolean
    readonly superseded?: boolean
    readonly review_state?: ReviewState | null
    readonly [member: string]: unknown
  }
}

/** The genesis event of a frontier. */
export interface CreatedPayload {
  readonly name: string
  /** The program that created the frontier, as `replica/0.1.0`. */
  readonly creator: string
  readonly schema_version: string
  /** RFC 3339; equals the event's timestamp. */
  readonly compiled_at: string
}

/** One comparison with a peer. */
export interface SyncedWithPeerPayload {
  readonly peer_id: string
  /** 64 lower-case hex digits; empty if nothing was compared. */
  readonly peer_snapshot_hash: string
  /** 64 lower-case hex digits. */
  readonly our_snapshot_hash: string
  /** Conflicts found; an integer from 0. */
  readonly divergence_count: number | bigint
}

/** One conflict that a comparison found. */
export interface ConflictDetectedPayload {
  readonly peer_id: string
  /** The finding; the frontier for `broken_locator` and `unverified_peer_entry`. */
  readonly finding_id: string
  /** One of `CONFLICT_KINDS` if this package recorded it; any text that is not blank otherwise. */
  readonly kind: string
  readonly detail?: string
}

/**
 * Which finding and which difference a resolution decides, and the value: that of an event, or the
 * value itself.
 */
export type ResolutionChoice = {
  readonly finding_id: string
  /** As in a computed conflict (`FIELD_KINDS`) or a recorded one (`CONFLICT_KINDS`). */
  readonly kind: string
} & ({ readonly event: string; readonly value?: never } | { readonly value: unknown; readonly event?: never })

/** A person's decision about one conflict. Spec: protocol/resolution.md, G4, G12, G15. */
export interface ConflictResolvedPayload {
  /** `vev_…` of a recorded conflict or `vcx_…` of a computed one. */
  readonly conflict_event_id: string
  /** The id of the person, which is the event's actor. */
  readonly resolved_by: string
  readonly resolution_note: string
  readonly proposal_id?: string
  readonly winning_proposal_id?: string | null
  readonly choice?: ResolutionChoice
  /** Ids of the resolving events that this one replaces. */
  readonly supersedes?: readonly string[] | null
  /**
   * The key that signed the event, 64 lower-case hex digits; required unless the event has the
   * reference's form.
   */
  readonly signer?: string
}

/** The frontier began as a copy of another one. */
export interface ForkedFromPayload {
  /** `vfr_…` */
  readonly base_frontier: string
  readonly base_root: string
  readonly fork_reason: string
  readonly triggering_ancestors?: readonly unknown[]
}

/** A merge node that joins several heads. */
export interface MergedPayload {
  /** Heads that the merge joins: 2 to `NODE_LIMITS.parentsMax`. */
  readonly heads: number
}

/** A finding that is asserted: whole, or by the proposal that has it. */
export interface FindingAssertedPayload {
  readonly finding?: FindingContent | null
  /** `vpr_…`; required without `finding`, unless the frontier has the finding already. */
  readonly proposal_id?: string
}

/** The target is superseded; its replacement is in the proposal. */
export interface FindingSupersededPayload {
  readonly new_finding_id?: string
  /** `vpr_…` */
  readonly proposal_id?: string
}

/** A verdict; `approved` is an older word for `accepted`. */
export interface ReviewedPayload {
  readonly status: ReviewState | 'approved'
}

/** A new confidence score of the target. */
export interface ConfidenceRevisedPayload {
  /** Not limited to a range. */
  readonly new_score: number
  /** 0 if absent. */
  readonly previous_score?: number
  /** RFC 3339; the event's timestamp if absent. */
  readonly updated_at?: string
}

/** A finding that the target depends on was retracted. */
export interface DependencyInvalidatedPayload {
  readonly upstream_finding_id?: string
  /** Steps from the retracted finding; an integer from 0; 1 if absent. */
  readonly depth?: number | bigint
}

/** A note or a caveat on the target. */
export interface AnnotationPayload {
  readonly annotation_id: string
  readonly text: string
  readonly provenance?: Readonly<Record<string, unknown>>
}

/** A span of evidence that the target lacked. */
export interface SpanRepairedPayload {
  readonly section: string
  readonly text: string
}

/** The meaning of an entity of the target. */
export interface EntityResolvedPayload {
  /** The first entity of this name. */
  readonly entity_name: string
  /** The vocabulary that `id` belongs to. */
  readonly source: string
  readonly id: string
  /** Not limited to a range. */
  readonly confidence: number
  readonly matched_name?: string
  /** `manual` if absent. */
  readonly resolution_method?: 'exact_match' | 'fuzzy_match' | 'llm_inference' | 'manual'
  /** `delegated_human_curation` if absent. */
  readonly resolution_provenance?: string
}

/** An entity that the target lacked. */
export interface EntityAddedPayload {
  readonly entity_name: string
  readonly entity_type: string
}

/** Which kind of cause the target claims; the grade stays as it is if absent. */
export interface ReinterpretedCausalPayload {
  readonly after: {
    readonly claim: 'correlation' | 'mediation' | 'intervention'
    readonly grade?: 'rct' | 'quasi_experimental' | 'observational' | 'theoretical'
  }
}

/** A step of a trajectory; one whose id the trajectory has already changes nothing. */
export interface StepAppendedPayload {
  readonly parent_trajectory_id: string
  readonly step: StoredObject
}

/** The readers of an object. */
export interface TierSetPayload {
  readonly object_type: 'finding' | 'negative_result' | 'trajectory' | 'artifact'
  readonly object_id: string
  readonly new_tier: 'public' | 'restricted' | 'classified'
}

/**
 * The payload of each kind that replay knows, as a plain JavaScript value: what `fromJson` returns.
 * Numbers are doubles, floats and integers alike, and integers beyond ±(2^53 − 1) are bigints; so 1
 * and 1.0 are equal here, though they differ in the event's bytes. A type says which members replay
 * requires and which it reads if present. Further members are allowed. The type is not a check: an
 * event whose payload differs is stored all the same, and replay reports it.
 * Spec: protocol/replay.md, R3–R11.
 */
export interface PayloadByKind {
  readonly 'finding.asserted': FindingAssertedPayload
  readonly 'finding.superseded': FindingSupersededPayload
  readonly 'finding.reviewed': ReviewedPayload
  readonly 'finding.confidence_revised': ConfidenceRevisedPayload
  readonly 'finding.rejected': UninterpretedPayload
  readonly 'finding.retracted': UninterpretedPayload
  readonly 'finding.dependency_invalidated': DependencyInvalidatedPayload
  readonly 'finding.noted': AnnotationPayload
  readonly 'finding.caveated': AnnotationPayload
  readonly 'finding.span_repaired': SpanRepairedPayload
  readonly 'finding.entity_resolved': EntityResolvedPayload
  readonly 'finding.entity_added': EntityAddedPayload
  readonly 'assertion.reinterpreted_causal': ReinterpretedCausalPayload
  readonly 'negative_result.asserted': { readonly negative_result: StoredObject }
  readonly 'negative_result.reviewed': ReviewedPayload
  readonly 'negative_result.retracted': UninterpretedPayload
  readonly 'trajectory.created': { readonly trajectory: StoredObject }
  readonly 'trajectory.step_appended': StepAppendedPayload
  readonly 'trajectory.reviewed': ReviewedPayload
  readonly 'trajectory.retracted': UninterpretedPayload
  readonly 'artifact.asserted': { readonly artifact: StoredObject }
  readonly 'artifact.reviewed': ReviewedPayload
  readonly 'artifact.retracted': UninterpretedPayload
  readonly 'replication.deposited': { readonly replication: StoredObject }
  readonly 'prediction.deposited': { readonly prediction: StoredObject }
  readonly 'tier.set': TierSetPayload
  readonly 'frontier.created': CreatedPayload
  readonly 'frontier.synced_with_peer': SyncedWithPeerPayload
  readonly 'frontier.conflict_detected': ConflictDetectedPayload
  readonly 'frontier.conflict_resolved': ConflictResolvedPayload
  readonly 'frontier.forked_from': ForkedFromPayload
  readonly 'frontier.merged': MergedPayload
  readonly 'frontier.observation_reviewed': UninterpretedPayload
  readonly 'source_text.reviewed': UninterpretedPayload
  readonly 'attestation.recorded': UninterpretedPayload
  readonly 'bridge.reviewed': UninterpretedPayload
  readonly 'key.revoke': UninterpretedPayload
  readonly 'proposal.recommended': UninterpretedPayload
  readonly 'policy.auto_admitted': UninterpretedPayload
  readonly 'prediction.expired_unresolved': UninterpretedPayload
  readonly 'correction_return.review': UninterpretedPayload
  readonly 'research_trace.review': UninterpretedPayload
  readonly 'finding.threshold_set': UninterpretedPayload
  readonly 'finding.threshold_met': UninterpretedPayload
  readonly 'verdict_conflict.resolved': UninterpretedPayload
  readonly 'contradiction.resolved': UninterpretedPayload
  readonly 'transfer.deposited': UninterpretedPayload
  readonly 'endorsement.deposited': UninterpretedPayload
  readonly 'verifier_attachment.added': UninterpretedPayload
  readonly 'evidence_atom.locator_repaired': UninterpretedPayload
  readonly [kind: `review.${string}`]: UninterpretedPayload
  readonly [kind: `diff_pack.${string}`]: UninterpretedPayload
  readonly [kind: `attempt.${string}`]: UninterpretedPayload
  readonly [kind: `statement.${string}`]: UninterpretedPayload
  readonly [kind: `anchor.${string}`]: UninterpretedPayload
}

/** A kind that replay knows. Events of other kinds are stored, and replay reports them. */
export type EventKind = keyof PayloadByKind

/**
 * Returns the payload of an event in stored form.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE
 */
export function payloadOf(text: Uint8Array): Json {
  const event = parseJson(text, { numbers: 'exact' })
  const payload = event instanceof Map ? event.get('payload') : undefined
  if (payload === undefined) throw shapeError('the event has no payload')
  return payload
}

/**
 * Checks the payload of one of the kinds `frontier.synced_with_peer`, `conflict_detected`,
 * `conflict_resolved`, `forked_from` and `merged`. A kind that differs from one of them in case
 * only is refused. Payloads of other kinds are not checked.
 * @throws ReplicaError ERR_EVENT_SHAPE
 */
export function checkFrontierPayload(kind: string, payload: Json): void {
  const check = CHECKS.get(kind)
  if (check === undefined) {
    if (CHECKS.has(kind.toLowerCase())) throw shapeError(`${excerpt(kind)} is not ${kind.toLowerCase()}`)
    return
  }
  if (!(payload instanceof Map)) throw shapeError(`the payload of ${kind} is not an object`)
  check(payload)
}

type Payload = ReadonlyMap<string, Json>

const CHECKS = new Map<string, (payload: Payload) => void>([
  ['frontier.synced_with_peer', checkSynced],
  [CONFLICT_DETECTED, checkDetected],
  [CONFLICT_RESOLVED, checkResolved],
  ['frontier.forked_from', checkForked],
  ['frontier.merged', checkMerged],
])

function checkSynced(payload: Payload): void {
  for (const name of ['peer_id', 'peer_snapshot_hash', 'our_snapshot_hash']) stringOf(payload, name)
  const count = payload.get('divergence_count')
  if (!isCount(count, 0)) throw shapeError('divergence_count is not a count')
}

function checkDetected(payload: Payload): void {
  stringOf(payload, 'peer_id')
  stringOf(payload, 'finding_id')
  wordsOf(payload, 'kind')
}

function checkResolved(payload: Payload): void {
  for (const name of ['conflict_event_id', 'resolved_by', 'resolution_note']) wordsOf(payload, name)
  if ((payload.get('winning_proposal_id') ?? null) !== null) stringOf(payload, 'winning_proposal_id')
  const supersedes = payload.get('supersedes') ?? []
  if (!Array.isArray(supersedes) || supersedes.some(item => typeof item !== 'string'))
    throw shapeError('supersedes is not a list of strings')
  if (payload.has('choice')) checkChoice(payload.get('choice')!)
}

/** A choice names a finding and a kind of difference, and either an event or a value. */
function checkChoice(choice: Json): void {
  if (!(choice instanceof Map)) throw shapeError('choice is not an object')
  wordsOf(choice, 'finding_id')
  wordsOf(choice, 'kind')
  if (choice.has('event') === choice.has('value')) throw shapeError('choice must have either an event or a value')
  if (choice.has('event')) wordsOf(choice, 'event')
}

function checkForked(payload: Payload): void {
  if (!stringOf(payload, 'base_frontier').startsWith('vfr_')) throw shapeError('base_frontier is not a frontier id')
  stringOf(payload, 'base_root')
  wordsOf(payload, 'fork_reason')
  if (payload.has('triggering_ancestors') && !Array.isArray(payload.get('triggering_ancestors')))
    throw shapeError('triggering_ancestors is not a list')
}

function checkMerged(payload: Payload): void {
  const heads = payload.get('heads')
  if (!isCount(heads, 2) || heads.toBigInt() > NODE_LIMITS.parentsMax)
    throw shapeError(`heads is not a count from 2 to ${NODE_LIMITS.parentsMax}`)
}

function isCount(value: Json | undefined, least: number): value is JsonNumber {
  return value instanceof JsonNumber && value.isInteger && value.toBigInt() >= BigInt(least)
}

function stringOf(payload: Payload, name: string): string {
  const value = payload.get(name)
  if (typeof value === 'string') return value
  throw shapeError(value === undefined ? `${name} is missing` : `${name} is not a string`)
}

function wordsOf(payload: Payload, name: string): string {
  const value = stringOf(payload, name)
  if (isBlank(value)) throw shapeError(`${name} is blank`)
  return value
}
