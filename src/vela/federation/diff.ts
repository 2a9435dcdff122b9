// Differences between two frontiers, finding by finding. The comparison does not decide which side
// is right; a person does. The detail texts equal the reference's to the letter, because recorded
// events contain them and so their ids depend on them. Spec: protocol/federation.md, C1–C5.

import { compareText, trimWhiteSpace } from '../../base/text.ts'
import { printFixed } from '../../json/number.ts'
import type { Finding, FrontierFile } from '../files/frontier-file.ts'

/**
 * The kinds of recorded conflicts: a closed set. The last two are about a frontier that could not
 * be compared.
 */
export const CONFLICT_KINDS = [
  'missing_in_peer',
  'missing_locally',
  'confidence_diverged',
  'retracted_diverged',
  'review_state_diverged',
  'superseded_diverged',
  'assertion_text_diverged',
  'broken_locator',
  'unverified_peer_entry',
] as const
/** One of CONFLICT_KINDS. */
export type ConflictKind = (typeof CONFLICT_KINDS)[number]

/** One difference between two frontiers. */
export interface Conflict {
  /** The finding; the frontier for the last two kinds. */
  readonly finding_id: string
  readonly kind: ConflictKind
  readonly detail: string
}

/**
 * Scores conflict if they differ by more than this, computed in doubles: .75 and .70 do, .85 and
 * .80 do not.
 */
export const SCORE_DISTANCE_MAX = 0.05

type Findings = Pick<FrontierFile, 'findings'> & Partial<Pick<FrontierFile, 'unread'>>

/**
 * Returns the conflicts of the first seven kinds, sorted by the bytes of the finding id, then of
 * the kind. Of several findings with one id the last one counts. A finding that one side cannot
 * read is skipped on both. The cost is linear in the findings given: pass only those that a merge
 * touched to compare only these.
 */
export function diffFrontiers(ours: Findings, theirs: Findings): Conflict[] {
  const unread = new Set([ours, theirs].flatMap(side => (side.unread ?? []).map(({ id }) => id)))
  const own = byId(ours, unread)
  const other = byId(theirs, unread)
  const conflicts: Conflict[] = []
  for (const [id, finding] of own) {
    const peer = other.get(id)
    if (peer === undefined)
      conflicts.push({ finding_id: id, kind: 'missing_in_peer', detail: 'present locally, absent in peer' })
    else conflicts.push(...differences(finding, peer))
  }
  for (const id of other.keys()) {
    if (!own.has(id))
      conflicts.push({ finding_id: id, kind: 'missing_locally', detail: 'present in peer, absent locally' })
  }
  return conflicts.sort((a, b) => compareText(a.finding_id, b.finding_id) || compareText(a.kind, b.kind))
}

function byId({ findings }: Findings, unread: ReadonlySet<string | undefined>): Map<string, Finding> {
  return new Map(findings.filter(({ id }) => !unread.has(id)).map(finding => [finding.id, finding]))
}

function differences(ours: Finding, theirs: Finding): Conflict[] {
  const found: Conflict[] = []
  const add = (kind: ConflictKind, detail: string) => found.push({ finding_id: ours.id, kind, detail })
  const sides = (own: unknown, peer: unknown) => `ours: ${own}, peer: ${peer}`
  if (Math.abs(ours.score - theirs.score) > SCORE_DISTANCE_MAX)
    add('confidence_diverged', sides(printFixed(ours.score, 3), printFixed(theirs.score, 3)))
  if (ours.retracted !== theirs.retracted) add('retracted_diverged', sides(ours.retracted, theirs.retracted))
  if (ours.review_state !== theirs.review_state)
    add('review_state_diverged', sides(verdictText(ours), verdictText(theirs)))
  if (ours.superseded !== theirs.superseded) add('superseded_diverged', sides(ours.superseded, theirs.superseded))
  if (trimWhiteSpace(ours.text) !== trimWhiteSpace(theirs.text)) add('assertion_text_diverged', TEXT_DIVERGED)
  return found
}

const TEXT_DIVERGED = 'matching id but diverging assertion text — possible content-address collision'

const VERDICT_NAMES = {
  accepted: 'Accepted',
  contested: 'Contested',
  needs_revision: 'NeedsRevision',
  rejected: 'Rejected',
} as const

function verdictText({ review_state }: Finding): string {
  return review_state === undefined ? 'None' : `Some(${VERDICT_NAMES[review_state]})`
}
