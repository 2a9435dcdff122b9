// Proposals: suggestions that become events when a reviewer accepts them. The id is a hash of the
// suggestion without its time, so the same suggestion made twice is one proposal.
// Spec: protocol/resolution.md, G6–G8.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { type Verify, verifiesHex } from '../../event/signing.ts'
import { toJson } from '../../json/json.ts'
import type { NumberReading } from '../../json/number.ts'
import { printRecord, RecordReader, readRecordText } from '../../json/record.ts'
import type { Json } from '../../json/value.ts'

const PROPOSAL_SCHEMA = 'vela.proposal.v0.1'

/** The members that the id of a proposal hashes. */
export interface ProposalContent {
  readonly schema: string
  readonly kind: string
  readonly target: { readonly type: string; readonly id: string }
  readonly actor: { readonly id: string; readonly type: string }
  readonly reason: string
  readonly payload: Json
  readonly source_refs: readonly string[]
  readonly caveats: readonly string[]
}

/** A proposal. The member names are the reference's JSON. */
export interface Proposal extends ProposalContent {
  /** `vpr_` and 16 lower-case hex digits. */
  readonly id: string
  /** RFC 3339 by convention; not checked. */
  readonly created_at: string
  /** `pending_review`, `accepted`, `rejected`, `applied`; any text is kept. */
  readonly status: string
  readonly reviewed_by: string | undefined
  readonly reviewed_at: string | undefined
  readonly decision_reason: string | undefined
  readonly applied_event_id: string | undefined
  /** Further members, kept: agent_run and unknown ones. */
  readonly rest: ReadonlyMap<string, Json>
}

const FORM = { what: 'proposal', code: 'ERR_PROPOSAL' } as const

/** Returns the id of a proposal: `vpr_` and 16 lower-case hex digits. */
export function proposalId(content: ProposalContent): string {
  return `vpr_${toHex(sha256(utf8(printRecord(contentOf(content), new Map()))).subarray(0, 8))}`
}

/**
 * Reads a proposal and checks its id. As for events, the exact reading of numbers is tried first,
 * then the reference's.
 * @throws ReplicaError ERR_JSON, ERR_PROPOSAL
 */
export function readProposal(text: string | Uint8Array): Proposal {
  const exact = proposalFrom(text, 'exact')
  if (proposalId(exact) === exact.id) return exact
  const asReference = proposalFrom(text, 'reference')
  const computed = proposalId(asReference)
  if (computed === asReference.id) return asReference
  throw new ReplicaError(
    'ERR_PROPOSAL',
    `the proposal has the id ${excerpt(asReference.id)}, but its content has ${computed}`,
  )
}

function proposalFrom(text: string | Uint8Array, numbers: NumberReading): Proposal {
  const record = readRecordText(FORM, text, numbers)
  return {
    schema: record.schema(PROPOSAL_SCHEMA, { required: false }),
    id: record.string('id'),
    kind: record.words('kind'),
    target: pairFrom(record, 'target'),
    actor: pairFrom(record, 'actor'),
    created_at: record.string('created_at'),
    reason: record.string('reason'),
    payload: record.value('payload') ?? null,
    source_refs: record.strings('source_refs'),
    caveats: record.strings('caveats'),
    status: record.string('status'),
    reviewed_by: record.optional('reviewed_by'),
    reviewed_at: record.optional('reviewed_at'),
    decision_reason: record.optional('decision_reason'),
    applied_event_id: record.optional('applied_event_id'),
    rest: record.rest(),
  }
}

function pairFrom(record: RecordReader, name: 'target' | 'actor'): { id: string; type: string } {
  const value = record.value(name)
  if (!(value instanceof Map)) throw record.refuse(`${name} is not an object`)
  const inner = new RecordReader({ ...FORM, what: `proposal: ${name}` }, value)
  const pair = { id: inner.string('id'), type: inner.string('type') }
  if (inner.rest().size > 0) throw inner.refuse('it has members other than id and type')
  return pair
}

/** Returns the canonical JSON of the whole proposal. */
export function printProposal(proposal: Proposal): string {
  const { id, created_at, status, reviewed_by, reviewed_at, decision_reason, applied_event_id, rest } = proposal
  const state = { id, created_at, status, reviewed_by, reviewed_at, decision_reason, applied_event_id }
  return printRecord({ ...contentOf(proposal), ...state }, rest)
}

/** Returns the signed bytes of a proposal: the canonical JSON of its content, id and created_at. */
export function proposalPreimage(proposal: ProposalContent & Pick<Proposal, 'id' | 'created_at'>): Uint8Array {
  const { id, created_at } = proposal
  return utf8(printRecord({ ...contentOf(proposal), id, created_at }, new Map()))
}

/**
 * Returns whether `signature` (128 hex digits), which is sent beside the proposal, is valid under
 * `key` (64 hex digits).
 */
export function verifyProposal(
  proposal: Proposal,
  signed: { readonly key: string; readonly signature: string },
  verify: Verify,
): boolean {
  return verifiesHex(verify, { ...signed, message: proposalPreimage(proposal) })
}

/** The input of makeProposal. */
export interface ProposalDraft {
  readonly kind: string
  readonly target: { readonly type: string; readonly id: string }
  /** The type is derived from the id if it is absent. */
  readonly actor: { readonly id: string; readonly type?: string }
  readonly reason: string
  /** Any value that toJson accepts. */
  readonly payload: unknown
  readonly created_at: string
  readonly source_refs?: readonly string[]
  readonly caveats?: readonly string[]
}

/** In proposals, unlike in events, only the prefix `agent:` makes an agent. */
function proposerType(id: string): 'agent' | 'human' {
  return id.startsWith('agent:') ? 'agent' : 'human'
}

/**
 * Returns a new proposal with the status `pending_review`.
 * @throws ReplicaError ERR_JSON, ERR_PROPOSAL
 */
export function makeProposal(draft: ProposalDraft): Proposal {
  const { kind, target, actor, reason, created_at, source_refs = [], caveats = [] } = draft
  const content: ProposalContent = {
    schema: PROPOSAL_SCHEMA,
    kind,
    target,
    actor: { id: actor.id, type: actor.type ?? proposerType(actor.id) },
    reason,
    payload: toJson(draft.payload),
    source_refs,
    caveats,
  }
  const id = proposalId(content)
  return readProposal(printRecord({ ...contentOf(content), id, created_at, status: 'pending_review' }, new Map()))
}

function contentOf(content: ProposalContent): Record<keyof ProposalContent, Json> {
  const { schema, kind, target, actor, reason, payload, source_refs, caveats } = content
  return {
    schema,
    kind,
    target: new Map(Object.entries({ id: target.id, type: target.type })),
    actor: new Map(Object.entries({ id: actor.id, type: actor.type })),
    reason,
    payload,
    source_refs: [...source_refs],
    caveats: [...caveats],
  }
}
