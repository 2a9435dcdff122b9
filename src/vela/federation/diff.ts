// What two frontiers disagree about, finding by finding (protocol/federation.md, C1–C5). Pure comparison, no judgement: which side
// is right is for a person. The detail texts go into recorded events, and so into their ids; they are the reference's to the letter.

import { compareText, trimWhiteSpace } from '../../base/text.ts'
import { printFixed } from '../../json/number.ts'
import type { Finding, FrontierFile } from '../files/frontier-file.ts'

/** The closed set. The last two are of a whole frontier that couldn't be compared. */
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
export type ConflictKind = (typeof CONFLICT_KINDS)[number]

export interface Conflict {
  readonly finding_id: string
  readonly kind: ConflictKind
  readonly detail: string
}

/** Scores further apart than this diverge, as doubles: .75 and .70 do, .85 and .80 don't. */
export const SCORE_DISTANCE_MAX = 0.05

type Findings = Pick<FrontierFile, 'findings'> & Partial<Pick<FrontierFile, 'unread'>>

/**
 * Every conflict of the seven kinds that a comparison can find, by finding id and then by kind, in the order of their
 * bytes. Of several findings under one id the last one counts. What either side has and can't be read is left out on both. Cost
 * follows the findings given: to compare what a merge touched, give only that.
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
