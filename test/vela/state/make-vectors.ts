// Writes protocol/vectors/replay.json to stdout. The cases are written by hand, with events named
// by their index as `@1`, and are printed with the events as texts and their ids. The expected
// results are stated, never computed.

import { sha256, toHex, utf8 } from '../../../src/base/bytes.ts'
import * as vela from '../../../src/vela/index.ts'
import { signed, signer } from '../signers.ts'
import { finding, type Members } from './logs.ts'

interface Draft {
  kind: string
  target?: [string, string]
  actor?: string
  payload?: unknown
  after_hash?: string
  /** The seed of the key that signs the event, and the signature form. */
  seed?: number
  form?: vela.SignatureForm
  /** Indexes of the event's parents; if one event states them, all do. */
  parents?: number[]
}

interface Case {
  name: string
  rule: string
  genesis?: Members[]
  proposals?: { id: string; payload: unknown }[]
  actors?: object[]
  events: Draft[]
  ok?: Record<string, unknown>
  error?: string
}

const A = 'vf_00000000000000aa'
const B = 'vf_00000000000000bb'
const a = finding(A)
const row = (more: object = {}, id = A) => ({
  id,
  retracted: false,
  contested: false,
  review_state: 'none',
  confidence_score: '0.700000',
  annotation_ids: [],
  access_tier: 'public',
  ...more,
})
const judged = (id: string, more: object = {}) => ({
  id,
  retracted: false,
  review_state: 'none',
  access_tier: 'public',
  ...more,
})
const on = (kind: string, payload: unknown = {}, more: Partial<Draft> = {}): Draft => ({
  kind,
  target: ['finding', A],
  payload,
  ...more,
})
const review = (status: string, parents?: number[]) =>
  on('finding.reviewed', { status }, parents === undefined ? {} : { parents })
const revise = (new_score: number, parents?: number[]) =>
  on('finding.confidence_revised', { new_score }, parents === undefined ? {} : { parents })
const seed = (payload: unknown, id = 'vpr_00000000000000aa') => ({ id, payload })
const thin = (after_hash: string) => on('finding.asserted', { proposal_id: 'vpr_00000000000000aa' }, { after_hash })
const resolve = (members: object, actor: string): Draft => ({
  kind: 'frontier.conflict_resolved',
  target: ['frontier_observation', 'vfr_00000000000000aa'],
  actor,
  payload: { conflict_event_id: 'vev_00000000000000aa', resolved_by: actor, resolution_note: 'seen both', ...members },
})
const EVE = 5
const choose = (choice: object, actor = 'reviewer:eve', parents?: number[]): Draft => ({
  ...resolve({ choice, signer: signer(EVE).publicKey }, actor),
  seed: EVE,
  ...(parents === undefined ? {} : { parents }),
})
const { seed: _, ...unsigned } = choose({ finding_id: A, kind: 'confidence_diverged', value: 0.45 })
const actor = (id: string, seed: number, more: object = {}) => ({
  id,
  public_key: signer(seed).publicKey,
  created_at: '2025-01-01T00:00:00Z',
  ...more,
})
/** One resolution of 0.45 by reviewer:eve, under these actors. */
const judgedBy = (name: string, event: Draft, actors: object[] = []): Case => ({
  name,
  rule: 'R11',
  genesis: [a],
  actors,
  events: [event],
  error: 'ERR_REVIEWER',
})
const apart = [revise(0.3, []), revise(0.6, [])]

const cases: Case[] = [
  {
    name: 'what is not there is reported, and the rest applies',
    rule: 'R2',
    genesis: [a],
    events: [review('accepted'), { ...review('rejected'), target: ['finding', B] }, revise(0.5)],
    ok: {
      rows: { findings: [row({ review_state: 'accepted', confidence_score: '0.500000' })] },
      problems: [{ event: '@1', code: 'ERR_EVENT_TARGET' }],
    },
  },
  { name: 'a finding that is not there', rule: 'R2', events: [review('accepted')], error: 'ERR_EVENT_TARGET' },
  {
    name: 'a kind without effect',
    rule: 'R3',
    genesis: [a],
    events: [on('attestation.recorded'), on('review.accepted'), on('frontier.merged')],
    ok: { rows: { findings: [row()] }, problems: [] },
  },
  {
    name: 'kinds of the families without effect, new ones too',
    rule: 'R3',
    genesis: [a],
    events: ['attempt.extended', 'review.withdrawn', 'diff_pack.reopened', 'statement.amended', 'anchor.moved'].map(
      kind => on(kind),
    ),
    ok: { rows: { findings: [row()] }, problems: [] },
  },
  { name: 'the name of a family alone', rule: 'R3', genesis: [a], events: [on('attempt.')], error: 'ERR_EVENT_KIND' },
  { name: 'a kind that nobody knows', rule: 'R3', genesis: [a], events: [on('finding.sung')], error: 'ERR_EVENT_KIND' },
  {
    name: 'an assertion with its finding, twice',
    rule: 'R4',
    events: [on('finding.asserted', { finding: a }), on('finding.asserted', { finding: finding(A, { score: 0.2 }) })],
    ok: { rows: { findings: [row()] }, problems: [] },
  },
  {
    name: 'an assertion of another finding than its target',
    rule: 'R4',
    events: [on('finding.asserted', { finding: finding(B) })],
    error: 'ERR_EVENT_SHAPE',
  },
  {
    name: 'an assertion of something that is no finding',
    rule: 'R4',
    events: [on('finding.asserted', { finding: { id: A } })],
    error: 'ERR_FRONTIER',
  },
  {
    name: 'a thin assertion whose proposal has the finding',
    rule: 'R5',
    proposals: [seed({ finding: a })],
    events: [thin(vela.findingHash(a))],
    ok: { rows: { findings: [row()] }, problems: [] },
  },
  {
    name: 'a thin assertion of a finding of the genesis',
    rule: 'R5',
    genesis: [a],
    events: [thin('sha256:null')],
    ok: { rows: { findings: [row()] }, problems: [] },
  },
  {
    name: 'a thin assertion whose proposal has another finding than after_hash says',
    rule: 'R5',
    proposals: [seed({ finding: finding(A, { score: 0.9 }) })],
    events: [thin(vela.findingHash(a))],
    error: 'ERR_PROPOSAL',
  },
  {
    name: 'a thin assertion whose proposal is not at hand',
    rule: 'R5',
    events: [thin(vela.findingHash(a))],
    error: 'ERR_EVENT_TARGET',
  },
  {
    name: 'a finding superseded by one in a proposal',
    rule: 'R6',
    genesis: [a],
    proposals: [seed({ new_finding: finding(B) })],
    events: [on('finding.superseded', { proposal_id: 'vpr_00000000000000aa', new_finding_id: B })],
    ok: { rows: { findings: [row(), row({}, B)] }, problems: [] },
  },
  {
    name: 'a finding superseded by one that is not at hand',
    rule: 'R6',
    genesis: [a],
    events: [on('finding.superseded', { proposal_id: 'vpr_00000000000000aa', new_finding_id: B })],
    error: 'ERR_EVENT_TARGET',
  },
  {
    name: 'a finding judged in several ways',
    rule: 'R7',
    genesis: [a],
    events: [
      review('approved'),
      on('finding.dependency_invalidated', { upstream_finding_id: B, depth: 2 }),
      revise(1),
      on('finding.retracted'),
    ],
    ok: {
      rows: {
        findings: [
          row({
            review_state: 'accepted',
            contested: true,
            retracted: true,
            confidence_score: '1.000000',
            annotation_ids: ['ann_dep_@1_2'],
          }),
        ],
      },
      problems: [],
    },
  },
  { name: 'a verdict that is none', rule: 'R7', genesis: [a], events: [review('liked')], error: 'ERR_EVENT_SHAPE' },
  {
    name: 'a score that is no number',
    rule: 'R7',
    genesis: [a],
    events: [on('finding.confidence_revised', { new_score: '0.5' })],
    error: 'ERR_EVENT_SHAPE',
  },
  {
    name: 'notes, an entity and its resolution, a span, a cause',
    rule: 'R8',
    genesis: [a],
    events: [
      on('finding.noted', { annotation_id: 'ann_2', text: 'two' }),
      on('finding.caveated', { annotation_id: 'ann_1', text: 'one' }),
      on('finding.noted', { annotation_id: 'ann_2', text: 'again' }),
      on('finding.entity_added', { entity_name: 'tau', entity_type: 'protein' }),
      on('finding.entity_resolved', { entity_name: 'tau', source: 'uniprot', id: 'P10636', confidence: 1 }),
      on('finding.span_repaired', { section: 'results', text: 'as shown' }),
      on('finding.span_repaired', { section: 'results', text: 'as shown' }),
      on('assertion.reinterpreted_causal', { after: { claim: 'intervention', grade: 'rct' } }),
    ],
    ok: {
      rows: { findings: [row({ annotation_ids: ['ann_1', 'ann_2'] })] },
      problems: [],
      members: {
        assertion: {
          text: `Claim of ${A}.`,
          type: 'mechanism',
          entities: [
            {
              name: 'tau',
              type: 'protein',
              identifiers: {},
              candidates: [],
              aliases: [],
              canonical_id: { source: 'uniprot', id: 'P10636', confidence: vela.JsonNumber.float(1) },
              resolution_method: 'manual',
              resolution_provenance: 'delegated_human_curation',
              resolution_confidence: vela.JsonNumber.float(1),
              needs_review: false,
            },
          ],
          relation: null,
          direction: null,
          causal_claim: 'intervention',
          causal_evidence_grade: 'rct',
        },
        evidence: { evidence_spans: [{ section: 'results', text: 'as shown' }] },
      },
    },
  },
  {
    name: 'an entity that the finding does not have',
    rule: 'R8',
    genesis: [a],
    events: [on('finding.entity_resolved', { entity_name: 'tau', source: 'uniprot', id: 'P10636', confidence: 1 })],
    error: 'ERR_EVENT_TARGET',
  },
  {
    name: 'a cause that is none',
    rule: 'R8',
    genesis: [a],
    events: [on('assertion.reinterpreted_causal', { after: { claim: 'fate' } })],
    error: 'ERR_EVENT_SHAPE',
  },
  {
    name: 'objects beside findings',
    rule: 'R9',
    events: [
      { kind: 'negative_result.asserted', payload: { negative_result: { id: 'vnr_1' } } },
      { kind: 'negative_result.reviewed', target: ['negative_result', 'vnr_1'], payload: { status: 'needs_revision' } },
      { kind: 'trajectory.created', payload: { trajectory: { id: 'vtr_1', steps: [] } } },
      {
        kind: 'trajectory.step_appended',
        payload: { parent_trajectory_id: 'vtr_1', step: { id: 'vts_2', kind: 'tried' } },
      },
      {
        kind: 'trajectory.step_appended',
        payload: { parent_trajectory_id: 'vtr_1', step: { id: 'vts_1', kind: 'tried' } },
      },
      { kind: 'artifact.asserted', payload: { artifact: { id: 'va_1', kind: 'code' } } },
      { kind: 'artifact.retracted', target: ['artifact', 'va_1'] },
      {
        kind: 'replication.deposited',
        payload: { replication: { id: 'vrep_1', target_finding: A, outcome: 'replicated' } },
      },
      { kind: 'prediction.deposited', payload: { prediction: { id: 'vpred_1', made_by: 'lab:x' } } },
      {
        kind: 'prediction.expired_unresolved',
        target: ['prediction', 'vpred_1'],
        payload: { prediction_id: 'vpred_1' },
      },
    ],
    ok: {
      rows: {
        findings: [],
        negative_results: [judged('vnr_1', { review_state: 'needs_revision' })],
        trajectories: [judged('vtr_1', { step_ids: ['vts_2', 'vts_1'] })],
        artifacts: [judged('va_1', { kind: 'code', retracted: true })],
        replications: [{ id: 'vrep_1', target_finding: A, outcome: 'replicated' }],
        predictions: [{ id: 'vpred_1', made_by: 'lab:x', expired_unresolved: false }],
      },
      problems: [],
    },
  },
  {
    name: 'deposits are told apart by their ids, whatever these begin with',
    rule: 'R9',
    events: [
      { kind: 'prediction.deposited', payload: { prediction: { id: 'p1', made_by: 'lab:x' } } },
      { kind: 'prediction.deposited', payload: { prediction: { id: 'p1', made_by: 'lab:y' } } },
      { kind: 'replication.deposited', payload: { replication: { id: '', target_finding: A, outcome: 'partial' } } },
    ],
    ok: {
      rows: {
        predictions: [{ id: 'p1', made_by: 'lab:x', expired_unresolved: false }],
        replications: [{ id: '', target_finding: A, outcome: 'partial' }],
      },
      problems: [],
    },
  },
  {
    name: 'a prediction without an id',
    rule: 'R9',
    events: [{ kind: 'prediction.deposited', payload: { prediction: { made_by: 'lab:x' } } }],
    error: 'ERR_EVENT_SHAPE',
  },
  {
    name: 'a finding that fewer may read',
    rule: 'R10',
    genesis: [a],
    events: [on('tier.set', { object_type: 'finding', object_id: A, new_tier: 'restricted' })],
    ok: { rows: { findings: [row({ access_tier: 'restricted' })] }, problems: [] },
  },
  {
    name: 'a tier that is none',
    rule: 'R10',
    genesis: [a],
    events: [on('tier.set', { object_type: 'finding', object_id: A, new_tier: 'secret' })],
    error: 'ERR_EVENT_SHAPE',
  },
  {
    name: 'a value that a person chose',
    rule: 'R11',
    genesis: [a],
    events: [...apart, choose({ finding_id: A, kind: 'confidence_diverged', value: 0.45 }, 'reviewer:eve', [0, 1])],
    ok: { rows: { findings: [row({ confidence_score: '0.450000' })] }, problems: [], conflicts: [], contested: [] },
  },
  {
    name: 'an event whose effect a person chose',
    rule: 'R11',
    genesis: [a],
    events: [...apart, choose({ finding_id: A, kind: 'confidence_diverged', event: '@0' }, 'reviewer:eve', [0, 1])],
    ok: { rows: { findings: [row({ confidence_score: '0.300000' })] }, problems: [], conflicts: [], contested: [] },
  },
  {
    name: 'a retraction taken back by choosing the acceptance',
    rule: 'R11',
    genesis: [a],
    events: [
      review('accepted', []),
      on('finding.retracted', {}, { parents: [] }),
      choose({ finding_id: A, kind: 'polarity_diverged', event: '@0' }, 'reviewer:eve', [0, 1]),
    ],
    ok: { rows: { findings: [row({ review_state: 'accepted' })] }, problems: [], conflicts: [] },
  },
  {
    name: 'a choice by a program',
    rule: 'R11',
    genesis: [a],
    events: [choose({ finding_id: A, kind: 'retracted_diverged', value: true }, 'merge-bot')],
    error: 'ERR_REVIEWER',
  },
  {
    name: 'a score of more than one that a person chose',
    rule: 'R11',
    genesis: [a],
    events: [choose({ finding_id: A, kind: 'confidence_diverged', value: 7.5 })],
    error: 'ERR_EVENT_SHAPE',
  },
  {
    name: 'a score below nothing that a person chose',
    rule: 'R11',
    genesis: [a],
    events: [choose({ finding_id: A, kind: 'confidence_diverged', value: -0.1 })],
    error: 'ERR_EVENT_SHAPE',
  },
  {
    name: 'no review state, which a person chose',
    rule: 'R11',
    genesis: [a],
    events: [review('rejected'), choose({ finding_id: A, kind: 'review_state_diverged', value: null })],
    ok: { rows: { findings: [row()] }, problems: [] },
  },
  {
    name: 'a review state chosen settles neither polarity nor retraction',
    rule: 'R11',
    genesis: [a],
    events: [
      review('accepted', []),
      review('rejected', []),
      on('finding.retracted', {}, { parents: [] }),
      choose({ finding_id: A, kind: 'review_state_diverged', value: 'accepted' }, 'reviewer:eve', [0, 1, 2]),
    ],
    ok: {
      rows: { findings: [row({ review_state: 'accepted', retracted: true })] },
      problems: [],
      conflicts: [{ finding_id: A, field: 'polarity', kind: 'polarity_diverged', events: ['@0', '@2'] }],
      contested: [{ finding_id: A, field: 'polarity' }],
    },
  },
  {
    name: 'a retraction that a person chose says nothing of polarity',
    rule: 'R11',
    genesis: [a],
    events: [
      review('accepted', []),
      on('finding.retracted', {}, { parents: [] }),
      choose({ finding_id: A, kind: 'retracted_diverged', value: false }, 'reviewer:eve', [0, 1]),
    ],
    ok: {
      rows: { findings: [row({ review_state: 'accepted' })] },
      conflicts: [{ finding_id: A, field: 'polarity', kind: 'polarity_diverged', events: ['@0', '@1'] }],
    },
  },
  {
    name: 'a choice that the field can’t have',
    rule: 'R11',
    genesis: [a],
    events: [choose({ finding_id: A, kind: 'retracted_diverged', value: 'maybe' })],
    error: 'ERR_EVENT_SHAPE',
  },
  judgedBy('a choice that nobody signed', unsigned),
  judgedBy('a choice signed with another key than it says', { ...unsigned, seed: 6 }),
  judgedBy('a choice that doesn’t say whose key signed it', {
    ...resolve({ choice: { finding_id: A, kind: 'confidence_diverged', value: 0.45 } }, 'reviewer:eve'),
    seed: EVE,
  }),
  judgedBy('a choice of a registered person, signed with another key', { ...unsigned, seed: EVE }, [
    actor('reviewer:eve', 6),
  ]),
  judgedBy('a choice signed with somebody else’s key', { ...unsigned, seed: EVE }, [actor('reviewer:ada', EVE)]),
  judgedBy('a choice signed with a key that was revoked then', { ...unsigned, seed: EVE }, [
    actor('reviewer:eve', EVE, { revoked_at: '2025-12-31T00:00:00Z' }),
  ]),
  judgedBy(
    'a computed conflict settled without a choice and a signature',
    resolve({ conflict_event_id: 'vcx_00000000000000aa' }, 'reviewer:eve'),
  ),
  judgedBy(
    'another resolution’s place taken without a signature',
    resolve({ supersedes: ['vev_00000000000000bb'] }, 'reviewer:eve'),
  ),
  judgedBy('the reference’s form, of a registered person who didn’t sign', resolve({}, 'reviewer:eve'), [
    actor('reviewer:eve', EVE),
  ]),
  {
    name: 'the reference’s form, of a registered person who signed, and of one who isn’t registered',
    rule: 'R11',
    genesis: [a],
    actors: [actor('reviewer:eve', EVE)],
    events: [{ ...resolve({}, 'reviewer:eve'), seed: EVE }, resolve({}, 'reviewer:ada')],
    ok: { rows: { findings: [row()] }, problems: [] },
  },
  {
    name: 'a choice of a registered person with a key that was revoked later, in a DSSE frame',
    rule: 'R11',
    genesis: [a],
    actors: [actor('reviewer:eve', 6), actor('reviewer:eve', EVE, { revoked_at: '2026-02-01T00:00:00Z' })],
    events: [{ ...unsigned, seed: EVE, form: 'dsse' }],
    ok: { rows: { findings: [row({ confidence_score: '0.450000' })] }, problems: [] },
  },
  {
    name: 'scores set apart',
    rule: 'R16',
    genesis: [a],
    events: apart,
    ok: {
      rows: { findings: [row({ confidence_score: '0.600000' })] },
      conflicts: [{ finding_id: A, field: 'confidence', kind: 'confidence_diverged', events: ['@0', '@1'] }],
      contested: [{ finding_id: A, field: 'confidence' }],
    },
  },
  {
    name: 'scores set apart, as close as doubles say',
    rule: 'R16',
    genesis: [a],
    events: [revise(0.85, []), revise(0.8, [])],
    ok: { conflicts: [], contested: [] },
  },
  {
    name: 'scores set one after the other',
    rule: 'R16',
    genesis: [a],
    events: [revise(0.3, []), revise(0.6, [0])],
    ok: { conflicts: [], contested: [] },
  },
  {
    name: 'different fields set apart',
    rule: 'R16',
    genesis: [a],
    events: [revise(0.3, []), review('accepted', [])],
    ok: { conflicts: [], contested: [] },
  },
  {
    name: 'a third who saw only one of two',
    rule: 'R16',
    genesis: [a],
    events: [...apart, revise(0.61, [0])],
    ok: { conflicts: [], contested: [] },
  },
  {
    name: 'reviews set apart, which is one conflict and no two',
    rule: 'R16',
    genesis: [a],
    events: [review('accepted', []), review('rejected', [])],
    ok: {
      conflicts: [{ finding_id: A, field: 'review_state', kind: 'review_state_diverged', events: ['@0', '@1'] }],
      contested: [{ finding_id: A, field: 'review_state' }],
    },
  },
  {
    name: 'accepted here, retracted there',
    rule: 'R16',
    genesis: [a],
    events: [review('accepted', []), on('finding.retracted', {}, { parents: [] })],
    ok: {
      rows: { findings: [row({ review_state: 'accepted', retracted: true })] },
      conflicts: [{ finding_id: A, field: 'polarity', kind: 'polarity_diverged', events: ['@0', '@1'] }],
    },
  },
  {
    name: 'one claim asserted apart with opposite directions',
    rule: 'R16',
    events: [
      on('finding.asserted', { finding: finding(A, { direction: 'positive' }) }, { parents: [] }),
      on('finding.asserted', { finding: finding(A, { direction: 'negative' }) }, { parents: [] }),
    ],
    ok: { conflicts: [{ finding_id: A, field: 'polarity', kind: 'polarity_diverged', events: ['@0', '@1'] }] },
  },
  {
    name: 'one finding asserted apart with different texts, beyond white space',
    rule: 'R16',
    events: [
      on('finding.asserted', { finding: finding(A, { text: 'It is so.' }) }, { parents: [] }),
      on('finding.asserted', { finding: finding(A, { text: ' It is so.\u0085' }) }, { parents: [] }),
      on('finding.asserted', { finding: finding(A, { text: 'It is not so.' }) }, { parents: [0] }),
    ],
    ok: {
      conflicts: [{ finding_id: A, field: 'text', kind: 'assertion_text_diverged', events: ['@1', '@2'] }],
      contested: [{ finding_id: A, field: 'text' }],
    },
  },
  {
    name: 'a finding superseded apart by two others',
    rule: 'R16',
    genesis: [a, finding(B), finding('vf_00000000000000cc')],
    events: [
      on('finding.superseded', { new_finding_id: B }, { parents: [] }),
      on('finding.superseded', { new_finding_id: 'vf_00000000000000cc' }, { parents: [] }),
    ],
    ok: { conflicts: [{ finding_id: A, field: 'superseded', kind: 'superseded_diverged', events: ['@0', '@1'] }] },
  },
  {
    name: 'a choice of an event that doesn’t stand any more',
    rule: 'R16',
    genesis: [a],
    events: [
      ...apart,
      revise(0.4, [0]),
      choose({ finding_id: A, kind: 'confidence_diverged', event: '@0' }, 'ada', [2]),
    ],
    error: 'ERR_EVENT_TARGET',
  },
]

function written({ events, genesis = [], proposals = [], actors = [], ...rest }: Case): string {
  const ids: string[] = []
  /** Replaces `@n` by the id as a value, and by its hex digits inside other text. */
  const named = (value: unknown): unknown =>
    vela.parseJson(
      vela
        .printJson(vela.toJson(value))
        .replaceAll(/"@(\d+)"/g, (_, at) => `"${ids[Number(at)]}"`)
        .replaceAll(/_@(\d+)_/g, (_, at) => `_${ids[Number(at)]!.slice(4)}_`),
    )
  const made = events.map(
    (
      { kind, target = ['finding', A], actor: by = 'reviewer:ada', payload = {}, after_hash, seed, form, parents },
      at,
    ) => {
      const draft: vela.EventDraft = {
        kind,
        target: { type: target[0], id: target[1] },
        actor: { id: by },
        reason: 'because',
        timestamp: `2026-01-01T00:00:${String(at).padStart(2, '0')}Z`,
        payload: named(payload),
        ...(after_hash === undefined ? {} : { after_hash }),
      }
      const { text, head } = seed === undefined ? vela.makeEvent(draft) : signed(draft, signer(seed), form)
      ids.push(head.id)
      return { text: Buffer.from(text).toString(), parents }
    },
  )
  const input = {
    genesis: genesis.map(vela.printJson),
    proposals: proposals.map(proposal => vela.printJson(vela.toJson(proposal))),
    events: made,
    ...(actors.length === 0 ? {} : { actors: JSON.stringify(actors) }),
  }
  const expected = named(rest) as Map<string, vela.Json>
  const { name, rule, ok, error } = Object.fromEntries(expected)
  const order = { name, rule, in: input, ...(ok === undefined ? { error } : { ok: sortedPairs(ok) }) }
  return `  ${Object.entries(order)
    .map(([key, value]) => `${JSON.stringify(key)}:${vela.printJson(vela.toJson(value))}`)
    .join(',')
    .replace(/^/, '{')}}`
}

/** Ids are hashes, so the order of a pair and the id of the conflict (R19) are known only here. */
function sortedPairs(ok: vela.Json): vela.Json {
  for (const conflict of ((ok as Members).get('conflicts') ?? []) as Members[]) {
    const events = (conflict.get('events') as string[]).sort()
    const about = JSON.stringify([conflict.get('finding_id'), conflict.get('field'), ...events])
    conflict.set('id', `vcx_${toHex(sha256(utf8(about))).slice(0, 16)}`)
  }
  return ok
}

process.stdout.write(`[\n${cases.map(written).join(',\n')}\n]\n`)
