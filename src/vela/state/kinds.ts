// What replay does at each kind of event (protocol/replay.md, R3). A kind that is in none of the lists is unknown: its events have no
// effect and are reported.

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
import type { Step } from './state.ts'

type Reducer = (step: Step) => void

const REDUCERS: Readonly<Record<string, Reducer>> = {
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
}

/** Kinds that change none of the six tables: records of acts, and tables that no row shows. */
const WITHOUT_EFFECT: readonly string[] = [
  'frontier.created',
  'frontier.synced_with_peer',
  'frontier.conflict_detected',
  'frontier.forked_from',
  'frontier.merged',
  'frontier.observation_reviewed',
  'source_text.reviewed',
  'attestation.recorded',
  'bridge.reviewed',
  'key.revoke',
  'proposal.recommended',
  'prediction.expired_unresolved',
  'correction_return.review',
  'research_trace.review',
  'finding.threshold_set',
  'finding.threshold_met',
  'verdict_conflict.resolved',
  'contradiction.resolved',
  'transfer.deposited',
  'endorsement.deposited',
  'verifier_attachment.added',
  'evidence_atom.locator_repaired',
]

/** Families of which every kind is so. */
const FAMILIES_WITHOUT_EFFECT: readonly string[] = ['review.', 'diff_pack.', 'attempt.', 'statement.', 'anchor.']

const KINDS: ReadonlyMap<string, Reducer> = new Map([
  ...Object.entries(REDUCERS),
  ...WITHOUT_EFFECT.map((kind): [string, Reducer] => [kind, nothing]),
])

/** Undefined for a kind that is unknown. */
export function reducerOf(kind: string): Reducer | undefined {
  const inFamily = FAMILIES_WITHOUT_EFFECT.some(family => kind.startsWith(family) && kind.length > family.length)
  return KINDS.get(kind) ?? (inFamily ? nothing : undefined)
}

function nothing(): void {}
