// The `stats` member of a frontier file: counts over its findings, their links and its lists, with
// every member that readers require. Spec: protocol/frontier.md, F24.

import { compareText } from '../../base/text.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { isAgent } from '../resolution/authority.ts'

type Members = ReadonlyMap<string, Json>

/** The members of an event that are counted. */
export interface CountedEvent {
  readonly kind: string
  readonly target: string
  readonly actor: string
}

/** Kinds that count as a review of a finding by their actor. */
const JUDGING_KINDS: ReadonlySet<string> = new Set([
  'finding.reviewed',
  'finding.noted',
  'finding.caveated',
  'finding.confidence_revised',
  'finding.rejected',
  'finding.retracted',
])

const REVIEW_KINDS: ReadonlySet<string> = new Set([
  'finding.reviewed',
  'finding.noted',
  'finding.caveated',
  'finding.rejected',
  'finding.retracted',
  'finding.asserted',
  'source_text.reviewed',
])

/** Returns the statistics of a frontier file with these members and events. */
export function frontierStats(members: Members, events: readonly CountedEvent[]): Map<string, Json> {
  const count = (name: string): number => asList(members.get(name)).length
  const kinds = (holds: (kind: string) => boolean): number => events.filter(({ kind }) => holds(kind)).length
  const findings = objects(members.get('findings'))
  const links = findings.flatMap(finding => asList(finding.get('links')))
  const scores = findings.map(scoreOf)
  const revisions = kinds(kind => kind === 'finding.confidence_revised')
  const counts = {
    ...findingCounts(findings, objects(members.get('replications'))),
    ...reviewCounts(findings, events),
    links: links.length,
    review_event_count: kinds(kind => REVIEW_KINDS.has(kind)) + count('review_events'),
    confidence_update_count: revisions + count('confidence_updates'),
    event_count: events.length,
    source_count: count('sources'),
    evidence_atom_count: count('evidence_atoms'),
    condition_record_count: count('condition_records'),
    proposal_count: count('proposals'),
  }
  return new Map<string, Json>([
    ...numbers(counts),
    ['avg_confidence', JsonNumber.float(average(scores))],
    ['categories', tally(findings.map(finding => innerMember(finding, 'assertion', 'type')))],
    ['link_types', tally(links.map(link => (link instanceof Map ? link.get('type') : undefined)))],
    ['confidence_distribution', new Map(numbers(distribution(scores)))],
  ])
}

/**
 * A finding with replication records is replicated if one succeeded; without records its evidence
 * decides.
 */
function findingCounts(findings: readonly Members[], replications: readonly Members[]): Record<string, number> {
  const targets = new Set(replications.map(record => record.get('target_finding')))
  const succeeded = new Set(
    replications.filter(record => record.get('outcome') === 'replicated').map(record => record.get('target_finding')),
  )
  const flagged = (name: string): number =>
    findings.filter(finding => innerMember(finding, 'flags', name) === true).length
  const replicated = findings.filter(finding => {
    const id = finding.get('id')
    return targets.has(id) ? succeeded.has(id) : innerMember(finding, 'evidence', 'replicated') === true
  }).length
  return {
    findings: findings.length,
    replicated,
    unreplicated: findings.length - replicated,
    gaps: flagged('gap'),
    negative_space: flagged('negative_space'),
    contested: flagged('contested'),
  }
}

/** A finding that both a person and an agent reviewed counts as reviewed by a person. */
function reviewCounts(findings: readonly Members[], events: readonly CountedEvent[]): Record<string, number> {
  const ids = new Set(findings.map(finding => finding.get('id')))
  const people = new Set<Json | undefined>()
  const agents = new Set<Json | undefined>()
  for (const finding of findings) {
    const review = innerMember(finding, 'provenance', 'review')
    if (!(review instanceof Map) || review.get('reviewed') !== true) continue
    const reviewer = review.get('reviewer')
    const by = typeof reviewer === 'string' && isAgent(reviewer) ? agents : people
    by.add(finding.get('id'))
  }
  for (const { kind, target, actor } of events)
    if (JUDGING_KINDS.has(kind) && ids.has(target)) (isAgent(actor) ? agents : people).add(target)
  return { human_reviewed: people.size, agent_reviewed: [...agents].filter(id => !people.has(id)).length }
}

function numbers(counts: Readonly<Record<string, number>>): [string, Json][] {
  return Object.entries(counts).map(([name, count]) => [name, JsonNumber.integer(count)])
}

function distribution(scores: readonly number[]): Record<string, number> {
  return {
    high_gt_80: scores.filter(score => score > 0.8).length,
    medium_60_80: scores.filter(score => score >= 0.6 && score <= 0.8).length,
    low_lt_60: scores.filter(score => score < 0.6).length,
  }
}

/** Rounds to three decimals; 0 for an empty list. */
function average(scores: readonly number[]): number {
  if (scores.length === 0) return 0
  const sum = scores.reduce((total, score) => total + score, 0)
  return Math.round((sum / scores.length) * 1000) / 1000
}

/** Counts each distinct text, in byte order. */
function tally(texts: readonly (Json | undefined)[]): Map<string, Json> {
  const counts = new Map<string, number>()
  for (const text of texts) if (typeof text === 'string') counts.set(text, (counts.get(text) ?? 0) + 1)
  const sorted = [...counts].sort(([a], [b]) => compareText(a, b))
  return new Map(sorted.map(([text, count]) => [text, JsonNumber.integer(count)]))
}

function scoreOf(finding: Members): number {
  const score = innerMember(finding, 'confidence', 'score')
  return score instanceof JsonNumber ? score.toNumber() : 0
}

function innerMember(object: Members, name: string, inner: string): Json | undefined {
  const value = object.get(name)
  return value instanceof Map ? value.get(inner) : undefined
}

function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function objects(value: Json | undefined): Members[] {
  return asList(value).flatMap(item => (item instanceof Map ? [item] : []))
}
