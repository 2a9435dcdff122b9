// Seeded generated events, like real ones in kinds, sizes, wording and references: findings are
// asserted and later noted, reviewed and revised, with chained hashes. One seed always gives the
// same drafts.

import type { EventDraft } from '../src/event/event.ts'
import { Random } from './random.ts'
import { type Prose, prose } from './wording.ts'

/** The input of makeEvent, with its timestamp. */
export type TimedDraft = EventDraft & { timestamp: string }

/** Findings that later events refer to. */
const findingsKept = 512
const startMs = Date.UTC(2026, 3, 1)

/**
 * Returns `count` distinct drafts. Their canonical texts have a median of about 0.9 kB; one in 400
 * has 4 to 28 kB.
 */
export function* events(seed: number, count: number): Generator<TimedDraft> {
  const random = new Random(seed)
  const words = prose(random)
  const findings: Finding[] = []
  let ms = startMs
  for (let index = 0; index < count; index++) {
    ms += 1 + random.below(90_000)
    const kind = findings.length === 0 ? asserted : pickKind(random)
    yield kind({ random, words, findings, timestamp: timestampOf(ms, random.below(1000)) })
  }
}

interface Finding {
  readonly id: string
  hash: string
}

interface Scene {
  readonly random: Random
  readonly words: Prose
  readonly findings: Finding[]
  readonly timestamp: string
}

type Kind = (scene: Scene) => TimedDraft

/**
 * Kinds with their shares of 400; thin assertions, whose finding is in a proposal, are over a third
 * of real logs.
 */
const kinds: readonly (readonly [number, Kind])[] = [
  [88, asserted],
  [80, assertedWhole],
  [48, reinterpreted],
  [96, noted],
  [36, reviewed],
  [24, revised],
  [20, attested],
  [7, deposited],
  [1, long],
]

function pickKind(random: Random): Kind {
  let share = random.below(400)
  for (const [weight, kind] of kinds) {
    if (share < weight) return kind
    share -= weight
  }
  return asserted
}

function timestampOf(ms: number, micros: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}+00:00`
}

function hash(random: Random): string {
  return `sha256:${random.hex(64)}`
}

/** Adds a finding, which replaces an old one if there are many. */
function newFinding({ random, findings }: Scene): Finding {
  const finding = { id: `vf_${random.hex(16)}`, hash: hash(random) }
  if (findings.length < findingsKept) findings.push(finding)
  else findings[random.below(findingsKept)] = finding
  return finding
}

/** A draft about an existing finding; it gives the finding a new hash unless stated otherwise. */
function about(
  scene: Scene,
  kind: string,
  reason: string,
  payload: Record<string, unknown>,
  changes = true,
): TimedDraft {
  const { random, words, findings, timestamp } = scene
  const finding = random.pick(findings)
  const before = finding.hash
  if (changes) finding.hash = hash(random)
  return {
    kind,
    target: { type: 'finding', id: finding.id },
    actor: words.actor(),
    timestamp,
    reason,
    before_hash: before,
    after_hash: finding.hash,
    payload,
    caveats: random.below(4) === 0 ? [words.caveat()] : [],
  }
}

function asserted(scene: Scene): TimedDraft {
  const { random, words, timestamp } = scene
  const finding = newFinding(scene)
  return {
    kind: 'finding.asserted',
    target: { type: 'finding', id: finding.id },
    actor: words.actor(),
    timestamp,
    reason: words.text(1, 3),
    before_hash: 'sha256:null',
    after_hash: finding.hash,
    payload: { proposal_id: `vpr_${random.hex(16)}` },
    caveats: random.below(2) === 0 ? [words.caveat()] : [],
  }
}

function assertedWhole(scene: Scene): TimedDraft {
  const draft = asserted(scene)
  return { ...draft, payload: { finding: findingBody(scene, draft.target.id, 1), ...(draft.payload as object) } }
}

function findingBody({ random, words, timestamp }: Scene, id: string, spans: number): Record<string, unknown> {
  return {
    id,
    version: 1,
    assertion: {
      text: words.text(1, 2),
      type: random.pick(['therapeutic', 'mechanism', 'association']),
      direction: null,
    },
    confidence: { score: score(random), basis: words.sentence(), method: 'expert_judgment' },
    evidence: {
      type: random.pick(['experimental', 'observational', 'review']),
      model_system: random.pick(['human', 'mouse', 'in vitro']),
      sample_size: `n=${random.below(2000)}`,
      evidence_spans: Array.from({ length: spans }, () => ({ section: words.section(), text: words.sentence() })),
    },
    provenance: {
      title: words.title(),
      doi: `10.${1000 + random.below(9000)}/${random.hex(8)}`,
      pmid: null,
      year: 1990 + random.below(36),
      authors: [words.name(), words.name()],
    },
    flags: { retracted: false, contested: random.below(10) === 0, review_state: null },
    created: timestamp,
  }
}

/**
 * Three digits, never a whole number, because languages differ in printing those as integer or
 * float.
 */
function score(random: Random): number {
  return (1 + random.below(998)) / 1000
}

function reinterpreted(scene: Scene): TimedDraft {
  const { random, words } = scene
  return about(scene, 'assertion.reinterpreted_causal', words.sentence(), {
    after: { claim: random.pick(['intervention', 'correlation']), grade: random.pick(['rct', 'quasi_experimental']) },
    before: { claim: null, grade: null },
    proposal_id: `vpr_${random.hex(16)}`,
  })
}

function noted(scene: Scene): TimedDraft {
  const { random, words } = scene
  const text = words.text(1, 4)
  const ids = { annotation_id: `ann_${random.hex(16)}`, proposal_id: `vpr_${random.hex(16)}` }
  return about(scene, 'finding.noted', text, { ...ids, text })
}

function reviewed(scene: Scene): TimedDraft {
  const { random, words } = scene
  const status = random.pick(['accepted', 'contested', 'needs_revision'])
  return about(scene, 'finding.reviewed', words.text(2, 4), { proposal_id: `vpr_${random.hex(16)}`, status })
}

function revised(scene: Scene): TimedDraft {
  const { random, words } = scene
  return about(scene, 'finding.confidence_revised', words.text(1, 2), {
    new_score: score(random),
    previous_score: score(random),
    proposal_id: `vpr_${random.hex(16)}`,
    updated_at: scene.timestamp,
  })
}

function attested(scene: Scene): TimedDraft {
  const { random, words, timestamp } = scene
  const attestation = {
    attested_at: timestamp,
    attested_by: words.actor().id,
    formal_ref: `conjectures@HEAD:Problems/${random.below(2000)}.lean`,
    formal_statement_hash: random.hex(64),
    id: `vsa_${random.hex(16)}`,
    note: words.text(1, 2),
    signature: random.hex(128),
    signer_pubkey_hex: random.hex(64),
    verdict: random.pick(['faithful', 'variant', 'unfaithful']),
  }
  return about(scene, 'statement.attested', 'statement faithfulness attestation', { attestation }, false)
}

function deposited(scene: Scene): TimedDraft {
  const { random, words, timestamp } = scene
  const id = `va_${random.hex(16)}`
  const artifact = {
    id,
    kind: random.pick(['code', 'dataset', 'table']),
    name: words.title(),
    content_hash: hash(random),
    locator: `projects/${random.hex(6)}/certificates.json`,
    created: timestamp,
    metadata: { method: words.text(2, 5), exit_code: 0, producer: words.actor().id, parts: [] },
    provenance: { title: words.title(), authors: [{ name: words.name(), orcid: null }], year: null },
    target_findings: Array.from({ length: 1 + random.below(8) }, () => random.pick(scene.findings).id),
  }
  return {
    kind: 'artifact.asserted',
    target: { type: 'artifact', id },
    actor: words.actor(),
    timestamp,
    reason: words.sentence(),
    payload: { artifact, proposal_id: `vpr_${random.hex(16)}` },
  }
}

/** Steps of about equal factors; a list, because rounding of powers differs between machines. */
const spansLong: readonly number[] = [20, 25, 32, 40, 50, 64, 80, 100, 128, 160]

/** An assertion with its full source text: 4 to 28 kB, small ones more often. */
function long(scene: Scene): TimedDraft {
  const draft = asserted(scene)
  const spans = scene.random.pick(spansLong)
  return { ...draft, payload: { finding: findingBody(scene, draft.target.id, spans), ...(draft.payload as object) } }
}
