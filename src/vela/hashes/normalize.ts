// Normalization of a frontier before hashing: the form in which the reference writes a frontier
// that it read, as tables of members that it adds, members that it omits, and numbers that become
// floats. The tables contain only the rules common to all published versions, so a file that any of
// them wrote stays unchanged. Spec: protocol/frontier.md, F5.

import { type Json, JsonNumber } from '../../json/value.ts'

interface Form {
  /** Members added if absent, with their values. */
  readonly defaults?: Readonly<Record<string, Json>>
  /** Members omitted if they are null or this. */
  readonly omitted?: Readonly<Record<string, Omission>>
  /** Members whose numbers become floats. */
  readonly floats?: readonly string[]
  /** Forms of members that are objects or lists of objects. */
  readonly inside?: Readonly<Record<string, Form>>
}

type Omission = 'null' | 'empty' | 'false' | 'zero' | 'public'

const ZERO = JsonNumber.integer(0)

const RESOLVED_ID: Form = { omitted: { matched_name: 'null' }, floats: ['confidence'] }

const ENTITY: Form = {
  defaults: { identifiers: new Map(), candidates: [], aliases: [], resolution_confidence: JsonNumber.float(1) },
  omitted: {
    canonical_id: 'null',
    resolution_provenance: 'null',
    resolution_method: 'null',
    species_context: 'null',
    needs_review: 'false',
  },
  floats: ['resolution_confidence'],
  inside: { canonical_id: RESOLVED_ID, candidates: RESOLVED_ID },
}

const CONFIDENCE: Form = {
  omitted: { components: 'null' },
  floats: ['score', 'extraction_confidence'],
  inside: {
    components: {
      floats: [
        'evidence_strength',
        'replication_strength',
        'sample_strength',
        'model_relevance',
        'review_penalty',
        'calibration_adjustment',
        'causal_consistency',
      ],
    },
  },
}

const FLAGS: Form = {
  defaults: {
    gap: false,
    negative_space: false,
    contested: false,
    retracted: false,
    declining: false,
    gravity_well: false,
  },
  omitted: { review_state: 'null', superseded: 'false', signature_threshold: 'null', jointly_accepted: 'false' },
}

const LINK: Form = {
  defaults: { note: '', inferred_by: 'compiler', created_at: '' },
  omitted: { mechanism: 'null' },
  inside: { mechanism: { floats: ['slope', 'threshold', 'half_max'] } },
}

const FINDING: Form = {
  defaults: { version: JsonNumber.integer(1), previous_version: null, links: [], updated: null },
  omitted: { annotations: 'empty', attachments: 'empty', access_tier: 'public' },
  inside: {
    assertion: {
      defaults: { relation: null, direction: null },
      omitted: { causal_claim: 'null', causal_evidence_grade: 'null' },
      inside: { entities: ENTITY },
    },
    provenance: {
      defaults: { doi: null, year: null, review: null, title: '', authors: [] },
      omitted: { url: 'null', license: 'null', publisher: 'null', funders: 'empty' },
    },
    confidence: CONFIDENCE,
    flags: FLAGS,
    links: LINK,
    annotations: { omitted: { provenance: 'null' } },
  },
}

const STATS: Form = {
  defaults: {
    review_event_count: ZERO,
    confidence_update_count: ZERO,
    event_count: ZERO,
    source_count: ZERO,
    evidence_atom_count: ZERO,
    condition_record_count: ZERO,
    proposal_count: ZERO,
  },
  omitted: { agent_reviewed: 'zero' },
  floats: ['avg_confidence'],
}

/** Lists that are omitted if they are empty. */
const SIDE_LISTS = [
  'review_events',
  'confidence_updates',
  'actors',
  'peers',
  'replications',
  'datasets',
  'code_artifacts',
  'artifacts',
  'predictions',
  'resolutions',
  'negative_results',
  'trajectories',
  'released_diff_packs',
  'verdict_conflicts',
  'contradictions',
  'verifier_attachments',
  'attempts',
  'attempt_resolutions',
  'attempt_claims',
  'transfers',
  'endorsements',
  'statement_attestations',
  'statement_registrations',
  'anchor_links',
] as const

const LISTS = { sources: [], evidence_atoms: [], condition_records: [], proposals: [] }

const SNAPSHOT: Form = {
  defaults: LISTS,
  omitted: { frontier_id: 'null', ...Object.fromEntries(SIDE_LISTS.map(name => [name, 'empty' as const])) },
  inside: { findings: FINDING, stats: STATS, frontier: { defaults: { dependencies: [] } } },
}

/** The members of a frontier file that its snapshot hash covers. */
const SNAPSHOT_MEMBERS: ReadonlySet<string> = new Set([
  ...['vela_version', 'schema', 'frontier_id', 'frontier', 'stats', 'findings'],
  ...Object.keys(LISTS),
  ...SIDE_LISTS,
])

/** Returns whether the snapshot hash covers a member of a frontier file. */
export function isHashed(name: string): boolean {
  return SNAPSHOT_MEMBERS.has(name)
}

/**
 * Returns a frontier as its snapshot hash covers it: without events, signatures, proof state and
 * unknown members.
 */
export function normalizedSnapshot(members: ReadonlyMap<string, Json>): Map<string, Json> {
  const known = new Map([...members].filter(([name]) => SNAPSHOT_MEMBERS.has(name)))
  return typedObject(known, SNAPSHOT)
}

/** Returns a finding as its hash covers it, with its links. */
export function typedFinding(finding: ReadonlyMap<string, Json>): Map<string, Json> {
  return typedObject(finding, FINDING)
}

/** The recursion follows the tables, never the data. */
function typed(value: Json, form: Form): Json {
  if (Array.isArray(value)) return value.map(item => (item instanceof Map ? typedObject(item, form) : item))
  return value instanceof Map ? typedObject(value, form) : value
}

function typedObject(object: ReadonlyMap<string, Json>, form: Form): Map<string, Json> {
  const { defaults = {}, omitted = {}, floats = [], inside = {} } = form
  const result = new Map(object)
  for (const [name, value] of Object.entries(defaults)) if (!result.has(name)) result.set(name, value)
  for (const name of floats) {
    const value = result.get(name)
    if (value instanceof JsonNumber && value.isInteger) result.set(name, JsonNumber.float(value.toNumber()))
  }
  for (const [name, inner] of Object.entries(inside)) {
    const value = result.get(name)
    if (value !== undefined) result.set(name, typed(value, inner))
  }
  for (const [name, omission] of Object.entries(omitted)) {
    if (isOmitted(result.get(name), omission)) result.delete(name)
  }
  return result
}

function isOmitted(value: Json | undefined, omission: Omission): boolean {
  if (value === null) return true
  switch (omission) {
    case 'null':
      return false
    case 'empty':
      return Array.isArray(value) && value.length === 0
    case 'false':
      return value === false
    case 'zero':
      return value instanceof JsonNumber && value.text === '0'
    case 'public':
      return value === 'public'
  }
}
