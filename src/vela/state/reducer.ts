// Replay as an incremental view: events are applied one by one in replay order, and the state can
// be read at any time (read-out.ts, field-conflicts.ts). An event that does not apply is reported
// and changes nothing. A view can be rewound to a checkpoint, so an event inserted before others
// costs a replay of the later ones, not of the whole log. Spec: protocol/replay.md, R1–R3, R18.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { readRecord } from '../../event/fields.ts'
import { printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { readFinding } from '../files/frontier-file.ts'
import type { EventKind } from '../payloads.ts'
import { NO_AUTHORITIES, type ResolutionAuthorities } from '../resolution/authority.ts'
import type { Proposal } from '../resolution/proposal.ts'
import type { Body } from './json-path.ts'
import { addEntity, annotateFinding, reinterpretCausal, repairSpan, resolveEntity } from './reduce-annotations.ts'
import { assertFinding, supersedeFinding } from './reduce-findings.ts'
import { resolveConflict } from './reduce-resolutions.ts'
import {
  invalidateDependency,
  rejectFinding,
  retractFinding,
  reviewFinding,
  reviseConfidence,
} from './reduce-reviews.ts'
import { appendStep, deposit, retract, review, setTier } from './reduce-side-tables.ts'
import { type Precedes, type Problem, type ReplayEvent, Step, View } from './state.ts'

/** The initial state and context of a view. */
export interface ViewOptions {
  /**
   * Findings before the first event; of two with one id the later counts. The caller must not
   * change them afterwards.
   */
  readonly genesis?: Iterable<ReadonlyMap<string, Json>>
  /**
   * Proposals that thin events refer to, as readProposal returns them. addProposals adds more
   * later.
   */
  readonly proposals?: Iterable<Pick<Proposal, 'id' | 'payload'>>
  /**
   * Ancestry of the nodes that carry the events; it may grow. Without it an event has seen all
   * earlier ones.
   */
  readonly precedes?: Precedes
  /**
   * Whether content that is not known may have replaced what a node says. A conflict of such nodes
   * is not reported. Without it all content is known.
   */
  readonly mayBeReplaced?: ((node: number) => boolean) | undefined
  /**
   * Actors that may resolve conflicts. Default: none, so resolutions that must be signed do not
   * count.
   */
  readonly authorities?: ResolutionAuthorities
}

/** The result of applying one event. */
export interface Applied {
  /** Empty if the event applied in full. */
  readonly problems: readonly Problem[]
  /** Ids of the findings that it wrote or whose fields it set. */
  readonly findings: readonly string[]
}

/**
 * Returns the view before the first event.
 * @throws ReplicaError ERR_FRONTIER for a malformed genesis finding
 */
export function emptyView(options: ViewOptions = {}): View {
  const { genesis = [], proposals = [], precedes, mayBeReplaced, authorities = NO_AUTHORITIES } = options
  const payloads = new Map<string, Body>()
  for (const { id, payload } of proposals) if (payload instanceof Map) payloads.set(id, payload)
  const view = new View({ proposals: payloads, precedes, mayBeReplaced, authorities })
  for (const body of genesis) view.objects.findings.set(readFinding(body as Map<string, Json>).id, body)
  return view
}

/**
 * Adds proposals to a view; `all` also contains those that it has. Returns how many events stay
 * valid: the caller rewinds the view to that length and applies the rest again. The view's length
 * means that no event missed a new proposal. Returns undefined and adds nothing if a proposal of
 * the view changed: replay has to start over.
 */
export function addProposals(view: View, all: Iterable<Pick<Proposal, 'id' | 'payload'>>): number | undefined {
  const payloads = new Map<string, Body>()
  for (const { id, payload } of all) if (payload instanceof Map) payloads.set(id, payload)
  for (const [id, payload] of view.proposals) {
    const same = payloads.get(id)
    if (same !== payload && (same === undefined || printJson(same as Json) !== printJson(payload as Json)))
      return undefined
  }
  let first = view.undoLog.count
  for (const [id, payload] of payloads) {
    if (view.proposals.has(id)) continue
    view.proposals.set(id, payload)
    first = Math.min(first, view.missingProposals.get(id) ?? first)
  }
  return first
}

/** Returns the number of events in the view. */
export function viewLength(view: View): number {
  return view.undoLog.count
}

/**
 * Applies the next event in replay order; the view changes. The caller passes each event once.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE for a text that is not an event; the view does not
 *   change then
 */
export function applyEvent(view: View, event: ReplayEvent): Applied {
  const { record } = readRecord(event.text, 'exact')
  const step = new Step(view, record, event)
  view.undoLog.nextEvent()
  try {
    const reduce = reducerOf(record.kind)
    if (reduce === undefined) throw new ReplicaError('ERR_EVENT_KIND', `unknown event kind ${excerpt(record.kind)}`)
    reduce(step)
  } catch (error) {
    if (!hasCode(error)) throw error
    step.report(error.code, error.message)
  }
  const { problems, findings } = step
  if (problems.length > 0) view.problems.set(String(view.undoLog.count), problems)
  return { problems, findings: [...findings] }
}

/**
 * Rewinds the view to the latest checkpoint with at most `length` events and returns the number of
 * events in it. The caller then applies the events after that, old or new. After a merge, `length`
 * is the length of the common prefix of the old and the new order, with the same nodes.
 * @throws TypeError if `length` is not an integer from 0
 */
export function rewindView(view: View, length: number): number {
  if (!(Number.isSafeInteger(length) && length >= 0)) throw new TypeError(`${length} is not a count of events`)
  return view.undoLog.rewind(length)
}

/** Returns the problems of all events, in replay order. */
export function viewProblems(view: View): Problem[] {
  const byPlace = [...view.problems.entries()].sort(([a], [b]) => Number(a) - Number(b))
  return byPlace.flatMap(([, problems]) => problems)
}

type Reducer = (step: Step) => void

/**
 * The reducer of each known kind. Kinds without effect change none of the six tables: they record
 * acts, or belong to tables that no row shows.
 */
const REDUCERS: Readonly<Record<EventKind, Reducer>> = {
  'finding.asserted': assertFinding,
  'finding.superseded': supersedeFinding,
  'finding.reviewed': reviewFinding,
  'finding.confidence_revised': reviseConfidence,
  'finding.rejected': rejectFinding,
  'finding.retracted': retractFinding,
  'finding.dependency_invalidated': invalidateDependency,
  'finding.noted': annotateFinding,
  'finding.caveated': annotateFinding,
  'finding.span_repaired': repairSpan,
  'finding.entity_resolved': resolveEntity,
  'finding.entity_added': addEntity,
  'assertion.reinterpreted_causal': reinterpretCausal,
  'negative_result.asserted': deposit('negative_results', 'negative_result'),
  'negative_result.reviewed': review('negative_results'),
  'negative_result.retracted': retract('negative_results'),
  'trajectory.created': deposit('trajectories', 'trajectory'),
  'trajectory.step_appended': appendStep,
  'trajectory.reviewed': review('trajectories'),
  'trajectory.retracted': retract('trajectories'),
  'artifact.asserted': deposit('artifacts', 'artifact'),
  'artifact.reviewed': review('artifacts'),
  'artifact.retracted': retract('artifacts'),
  'replication.deposited': deposit('replications', 'replication'),
  'prediction.deposited': deposit('predictions', 'prediction'),
  'tier.set': setTier,
  'frontier.conflict_resolved': resolveConflict,
  'frontier.created': noEffect,
  'frontier.synced_with_peer': noEffect,
  'frontier.conflict_detected': noEffect,
  'frontier.forked_from': noEffect,
  'frontier.merged': noEffect,
  'frontier.observation_reviewed': noEffect,
  'source_text.reviewed': noEffect,
  'attestation.recorded': noEffect,
  'bridge.reviewed': noEffect,
  'key.revoke': noEffect,
  'proposal.recommended': noEffect,
  'policy.auto_admitted': noEffect,
  'prediction.expired_unresolved': noEffect,
  'correction_return.review': noEffect,
  'research_trace.review': noEffect,
  'finding.threshold_set': noEffect,
  'finding.threshold_met': noEffect,
  'verdict_conflict.resolved': noEffect,
  'contradiction.resolved': noEffect,
  'transfer.deposited': noEffect,
  'endorsement.deposited': noEffect,
  'verifier_attachment.added': noEffect,
  'evidence_atom.locator_repaired': noEffect,
}

/** Every kind of these families is known and has no effect. */
const FAMILIES_WITHOUT_EFFECT: readonly string[] = ['review.', 'diff_pack.', 'attempt.', 'statement.', 'anchor.']

const REDUCER_BY_KIND: ReadonlyMap<string, Reducer> = new Map(Object.entries(REDUCERS))

/** Returns undefined for an unknown kind. */
function reducerOf(kind: string): Reducer | undefined {
  const inFamily = FAMILIES_WITHOUT_EFFECT.some(family => kind.startsWith(family) && kind.length > family.length)
  return REDUCER_BY_KIND.get(kind) ?? (inFamily ? noEffect : undefined)
}

function noEffect(): void {}
