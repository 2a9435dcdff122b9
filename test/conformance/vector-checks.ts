// Checks of single inputs with stated verdicts: canonical JSON, raw events, causal sets,
// signatures, payloads, revocation, registry entries, and pairs of frontiers. `reference_accepts`
// states what the reference does; where it accepts an unwise value (a key of small order), a
// stricter verdict here is a note, not a failure.

import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { validatePublicKey } from '../../src/crypto/key.ts'
import {
  causalClosure,
  classify,
  type IdPair,
  isCausallyClosed,
  missingAncestors,
} from '../../src/graph/causal-closure.ts'
import { compareByTime, topologicalOrder } from '../../src/graph/topological-sort.ts'
import * as vela from '../../src/vela/index.ts'
import { type DataFile, isObject, type Plain } from './folder.ts'
import { hashOf, textOf, verifiesUnder } from './log-checks.ts'
import type { Members } from './state-checks.ts'
import { codeOf, type Tally } from './tally.ts'

/** Members that describe a case and not its data. */
export const LABELS = ['name', 'note', 'comment']
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
export const cases = <T>(file: DataFile): T[] => file.plain as T[]
const casesIn = <T>(file: DataFile): T[] => (file.plain as { cases: T[] }).cases
const losslessCases = (file: DataFile): Members[] => file.lossless() as Members[]

interface CanonicalCase {
  readonly text: string
  readonly ok: boolean
  readonly canonical: string
  readonly sha256: string
}

export function checkCanonical(tally: Tally, file: DataFile): void {
  for (const { text, ok, canonical, sha256: hash, ...rest } of cases<CanonicalCase>(file)) {
    tally.unchecked(rest, LABELS)
    if (!ok) {
      tally.refused(JSON.stringify(text), () => vela.canonicalize(text), ['ERR_JSON'])
      continue
    }
    tally.same(`canonical form of ${JSON.stringify(text)}`, vela.canonicalize(text), canonical)
    tally.stated(`its hash`, hashOf(canonical), hash)
    tally.same('the canonical form is canonical', vela.isCanonical(utf8(canonical)), true)
  }
}

interface RawCase {
  readonly name: string
  readonly text: string
  readonly ok: boolean
  readonly computed_id: string
  readonly id_matches: boolean
  readonly canonical: string
  readonly event_hash: string
}

export function checkRawEvents(tally: Tally, file: DataFile): void {
  for (const { name, text, ok, ...wanted } of cases<RawCase>(file)) {
    tally.unchecked(wanted, ['computed_id', 'id_matches', 'canonical', 'event_hash', ...LABELS])
    if (!ok) {
      tally.refused(name, () => vela.readEvent(text), ['ERR_EVENT_SHAPE', 'ERR_JSON', 'ERR_EVENT_SIZE'])
      continue
    }
    const { text: stored, head, computedId } = vela.readEvent(text)
    tally.stated(`${name}: id`, computedId, wanted.computed_id)
    tally.stated(`${name}: id matches`, head.id === computedId, wanted.id_matches)
    tally.stated(`${name}: stored form`, textOf(stored), wanted.canonical)
    tally.stated(`${name}: hash`, vela.eventHash(stored), wanted.event_hash)
  }
}

interface CausalCase {
  readonly name: string
  readonly our_events: CausalEvent[]
  readonly peer_events: CausalEvent[]
  readonly expected: Plain
}

interface CausalEvent {
  readonly id: string
  readonly timestamp: string
  readonly payload: unknown
}

function pairOf({ id, payload }: CausalEvent): IdPair {
  const parents = isObject(payload) && Array.isArray(payload.parents) ? payload.parents : []
  return { id, parents: parents.filter(parent => typeof parent === 'string') }
}

export function checkCausalSets(tally: Tally, file: DataFile): void {
  const lossless = losslessCases(file)
  for (const [index, { name, our_events, peer_events, expected }] of cases<CausalCase>(file).entries()) {
    const events = ['our_events', 'peer_events'].flatMap(side => lossless[index]!.get(side) as vela.Json[])
    const [ours, theirs] = [our_events.map(pairOf), peer_events.map(pairOf)]
    const union = [...ours, ...theirs]
    const ids = union.map(({ id }) => id)
    const closure = causalClosure(ids, union)
    const closed = expected.causally_closed
    // The log of a union has each event once, sorted by id.
    const once = new Map(
      events.map(event => vela.readEvent(vela.printJson(event))).map(event => [event.head.id, event]),
    )
    const inIdOrder = [...once.keys()].sort().map(id => once.get(id)!)
    const found: Plain = {
      event_ids: inIdOrder.map(({ computedId }) => computedId),
      missing_ancestors: missingAncestors(union),
      causally_closed: isCausallyClosed(union),
      action: plain(classify(ours, theirs)),
      order_timestamp_id: [...our_events, ...peer_events].sort(compareByTime).map(({ id }) => id),
      order_topological_min_id: topologicalOrder(union) ?? null,
      event_log_hash_of_union_in_id_order: vela.eventLogHash(inIdOrder, 'full'),
    }
    for (const [member, value] of Object.entries(found))
      if (member in expected) tally.same(`${name}: ${member}`, value, sortedIds(member, expected[member]))
    tally.unchecked(expected, Object.keys(found))
    const wanted = closed
      ? { ok: true, ids: [...new Set(ids)].sort() }
      : { ok: false, missing: expected.missing_ancestors }
    tally.same(`${name}: closure`, closure, wanted)
  }
}

/** The order of the stated ids is unspecified; ours are sorted. */
function sortedIds(member: string, value: unknown): unknown {
  return member === 'event_ids' ? [...(value as string[])].sort() : value
}

interface SignedCase {
  readonly name: string
  readonly public_key: string
  readonly verifies: boolean
  readonly id_matches: boolean
}

/**
 * A case whose content changed after it was signed may state that its id does not match although it
 * does. Only the signature is checked then.
 */
export function checkEventSignatures(tally: Tally, file: DataFile): void {
  const lossless = (file.lossless() as Map<string, Members[]>).get('cases')!
  const keys = new Set(casesIn<SignedCase>(file).map(({ public_key: key }) => key))
  for (const [index, { name, public_key: key, verifies, id_matches: matches }] of casesIn<SignedCase>(file).entries()) {
    const { text, head, computedId } = vela.readEvent(vela.printJson(lossless[index]!.get('event')!))
    const own = head.id === computedId
    tally.unchecked(casesIn<Plain>(file)[index]!, ['event', 'public_key', 'verifies', 'id_matches', ...LABELS])
    const changed = () => vela.eventSignature(text) !== undefined && ![...keys].some(one => verifiesUnder(text, one))
    if (own && !matches && !verifies && changed()) tally.note(`'${name}' says that its id does not match, and it does`)
    else tally.same(`${name}: id matches`, own, matches)
    const found = verifiesUnder(text, key)
    if (verifies && !found && codeOf(() => validatePublicKey(Buffer.from(key, 'hex'))) !== undefined)
      tally.note(`stricter: '${name}' verifies under a key that nobody can be registered with`)
    else tally.same(`${name}: verifies`, found, verifies)
  }
}

export function checkPayloads(tally: Tally, file: DataFile): void {
  const lossless = losslessCases(file)
  for (const [index, { kind, reference_accepts: accepts }] of cases<{ kind: string; reference_accepts: boolean }>(
    file,
  ).entries()) {
    const code = codeOf(() => vela.checkFrontierPayload(kind, lossless[index]!.get('payload') ?? null))
    tally.same(`payload ${index} of ${kind} is taken`, code === undefined, accepts)
    tally.unchecked(cases<Plain>(file)[index]!, ['kind', 'payload', 'reference_accepts', ...LABELS])
  }
}

export function checkRevocations(tally: Tally, file: DataFile): void {
  interface Revocation {
    readonly event_timestamp: string
    readonly revoked_at: string | null
    readonly revoked_by_time_order: boolean
    /** The reference's result, which compares texts. */
    readonly revoked_by_text_order?: boolean
  }
  for (const { event_timestamp: at, revoked_at: revokedAt, ...wanted } of cases<Revocation>(file)) {
    const what = `revoked at ${revokedAt} seen from ${at}`
    tally.same(what, vela.isRevokedAt(revokedAt ?? undefined, at), wanted.revoked_by_time_order)
    tally.stated(`${what}, as texts`, revokedAt !== null && at >= revokedAt, wanted.revoked_by_text_order)
    tally.unchecked(wanted, ['revoked_by_time_order', 'revoked_by_text_order', ...LABELS])
  }
}

export function checkEntries(tally: Tally, file: DataFile): void {
  const lossless = losslessCases(file)
  const stated = cases<{ name: string; preimage_sha256: string; verifies: boolean }>(file)
  for (const [index, { name, preimage_sha256: hash, verifies }] of stated.entries()) {
    const members = lossless[index]!.get('entry') as Members
    const text = vela.printJson(members)
    tally.unchecked(stated[index]!, ['entry', 'preimage_sha256', 'verifies', ...LABELS])
    const code = codeOf(() => vela.readEntry(text))
    if (code !== undefined) {
      const { preimage, verified } = referenceEntry(members)
      tally.stated(`${name}: preimage`, toHex(sha256(preimage)), hash)
      tally.same(`${name}: the reference verifies it`, verified, verifies)
      tally.note(verifies ? `stricter: '${name}' is refused with ${code}` : `'${name}' is refused when it is read`)
      continue
    }
    const entry = vela.readEntry(text)
    tally.stated(`${name}: preimage`, toHex(sha256(vela.entryPreimage(entry))), hash)
    if (
      verifies &&
      !vela.verifyEntry(entry, verify) &&
      codeOf(() => validatePublicKey(Buffer.from(entry.owner_pubkey, 'hex'))) !== undefined
    )
      tally.note(`stricter: '${name}' verifies under a key that nobody can be registered with`)
    else tally.same(`${name}: verifies`, vela.verifyEntry(entry, verify), verifies)
    if (members.get('license') === null) members.delete('license')
    tally.same(`${name}: printed again`, vela.printEntry(entry), vela.printJson(members))
  }
}

/** An entry as the reference accepts it: members as they are, hex in either case. */
function referenceEntry(members: Members): { preimage: Uint8Array; verified: boolean } {
  const preimage = vela.entryPreimage(Object.fromEntries(members) as unknown as vela.EntryContent)
  const [key, signature] = ['owner_pubkey', 'signature'].map(name => Buffer.from(String(members.get(name)), 'hex'))
  return { preimage, verified: verify(key!, preimage, signature!) }
}

interface PairCase {
  readonly name: string
  readonly peer_id: string
  readonly now: string
  readonly expected: Plain
}

export function checkPairs(tally: Tally, file: DataFile): void {
  const lossless = losslessCases(file)
  for (const [index, { name, peer_id, now, expected }] of cases<PairCase>(file).entries()) {
    const side = (member: string) => vela.readFrontier(vela.printJson(lossless[index]!.get(member)!))
    const { report, events } = vela.syncWithPeer(side('ours'), side('theirs'), { peer: peer_id, at: now })
    const { events: _, ...rest } = expected
    tally.same(`${name}: report`, plain(report), { peer_id, ...rest })
    const wanted = ((lossless[index]!.get('expected') as Members).get('events') ?? []) as vela.Json[]
    tally.same(
      `${name}: events`,
      events.map(({ text }) => textOf(text)),
      wanted.map(vela.printJson),
    )
  }
}
