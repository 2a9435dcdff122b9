// Replay as an incremental view (protocol/replay.md, R1, R2, R18): events go in one by one, in replay order, and what the log amounts to
// can be read at any time (rows.ts, conflicts.ts). One event that doesn't apply is reported and changes nothing. The view can
// be taken back to a checkpoint, so that events which come to lie before others cost what lies behind them, not the log.

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

export interface ViewOptions {
  /** Findings that were there before the first event; of two with one id the later counts. They must not be changed any more. */
  readonly genesis?: Iterable<ReadonlyMap<string, Json>>
  /** What thin events point to, as readProposal gives it. More may come later (addProposals). */
  readonly proposals?: Iterable<Pick<Proposal, 'id' | 'payload'>>
  /** Ancestry of the nodes that carry the events, which may learn of nodes later; without it all that is earlier was seen. */
  readonly precedes?: Precedes
  /** Who may settle; without them no resolution that has to be signed counts. */
  readonly authorities?: ResolutionAuthorities
}

export type { ReplayEvent }

export interface Applied {
  /** Empty when the event applied in full. */
  readonly problems: readonly Problem[]
  /** The findings that it wrote to or set a field of. */
  readonly findings: readonly string[]
}

/** The view of no event. @throws ReplicaError ERR_FRONTIER for a genesis finding that is none */
export function emptyView(options: ViewOptions = {}): View {
  const { genesis = [], proposals = [], precedes, authorities: deciders = NO_AUTHORITIES } = options
  const seeds = new Map<string, Body>()
  for (const { id, payload } of proposals) if (payload instanceof Map) seeds.set(id, payload)
  const view = new View({ seeds, precedes, deciders })
  for (const body of genesis) view.objects.findings.set(readFinding(body as Map<string, Json>).id, body)
  return view
}

/**
 * Takes in proposals that came later; `all` has those that are there too. Answers from how many events on the view has to be
 * made again, all of them where none looked for one in vain; undefined, and nothing is taken in, where one isn't as it was.
 */
export function addProposals(view: View, all: Iterable<Pick<Proposal, 'id' | 'payload'>>): number | undefined {
  const seeds = new Map<string, Body>()
  for (const { id, payload } of all) if (payload instanceof Map) seeds.set(id, payload)
  for (const [id, payload] of view.proposals) {
    const same = seeds.get(id)
    if (same !== payload && (same === undefined || printJson(same as Json) !== printJson(payload as Json)))
      return undefined
  }
  let first = view.undoLog.count
  for (const [id, payload] of seeds) {
    if (view.proposals.has(id)) continue
    view.proposals.set(id, payload)
    first = Math.min(first, view.missingProposals.get(id) ?? first)
  }
  return first
}

/** How many events are in the view. */
export function viewLength(view: View): number {
  return view.undoLog.count
}

/**
 * Puts the next event in replay order into the view, which is changed. Each event is to be given once.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE for what is no event; the view is as it was
 */
export function applyEvent(view: View, event: ReplayEvent): Applied {
  const { record } = readRecord(event.text, 'exact')
  const step = new Step(view, record, event)
  view.undoLog.next()
  try {
    const reduce = reducerOf(record.kind)
    if (reduce === undefined)
      throw new ReplicaError('ERR_EVENT_KIND', `replay does not support the kind ${excerpt(record.kind)}`)
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
 * Takes the view back to the latest checkpoint at which no more than `length` events were in it, and answers how many
 * are in it then: those from there on are to be applied again, or others. After a merge, `length` is how many events the
 * old order and the new one have in common at their start, with the same nodes.
 */
export function rewindView(view: View, length: number): number {
  if (!(Number.isSafeInteger(length) && length >= 0)) throw new TypeError(`${length} is not a count of events`)
  return view.undoLog.rewind(length)
}

/** All that didn't apply, in replay order. */
export function viewProblems(view: View): Problem[] {
  const byPlace = [...view.problems.entries()].sort(([a], [b]) => Number(a) - Number(b))
  return byPlace.flatMap(([, problems]) => problems)
}

type Reducer = (step: Step) => void

/**
 * The reducer of each known kind. Kinds without effect change none of the six tables: they record acts, or belong to
 * tables that no row shows.
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
