// Registered actors of a frontier (records of `.vela/actors.json`), and the right to resolve.
// A reviewer is a person with an id that is neither an agent's nor a placeholder, who signs with a
// registered key if one is registered. A resolving event that replay carries out must name and
// carry the signature of its person. In the reference's form, which changes no object, only
// registered actors must sign. Revocation compares instants; a time that cannot be read counts
// against the key. Pure: actors and signature verification are parameters.
// Spec: protocol/resolution.md, G1–G3, G9, G10, G15.

import { fromHex, isLowerHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { NODE_LIMITS } from '../../base/limits.ts'
import { excerpt } from '../../base/text.ts'
import { type EventHead, eventSignature, eventSigningBytes } from '../../event/event.ts'
import type { Signer, Verify } from '../../event/signing.ts'
import { compareInstants, readInstant } from '../../json/instant.ts'
import { expectEnd, openCursor, peek, readItems } from '../../json/parser.ts'
import { printRecord, type RecordReader, readRecordAt } from '../../json/record.ts'
import type { Json } from '../../json/value.ts'

/** A registered actor. The member names are the reference's JSON. */
export interface ActorRecord {
  readonly id: string
  /** 64 lower-case hex digits. */
  readonly public_key: string
  readonly algorithm: 'ed25519'
  /** RFC 3339. */
  readonly created_at: string
  /** RFC 3339; signatures of the key at or after this instant do not count. */
  readonly revoked_at: string | undefined
  /** Further members, kept: tier, orcid, access_clearance, revoked_reason and unknown ones. */
  readonly rest: ReadonlyMap<string, Json>
}

const FORM = { what: 'actor record', code: 'ERR_ACTOR' } as const

/**
 * Reads a list of actor records. An id may occur again with another key.
 * @throws ReplicaError ERR_JSON, ERR_ACTOR
 */
export function readActors(text: string | Uint8Array): ActorRecord[] {
  const cursor = openCursor(text, 'exact')
  if (peek(cursor) !== '[') throw new ReplicaError('ERR_ACTOR', 'actors must be a list of records')
  const actors: ActorRecord[] = []
  readItems(cursor, () => {
    actors.push(actorFrom(readRecordAt(FORM, cursor, NODE_LIMITS.jsonDepthMax - 1)))
  })
  expectEnd(cursor)
  return actors
}

function actorFrom(record: RecordReader): ActorRecord {
  const algorithm = record.optional('algorithm') ?? 'ed25519'
  if (algorithm !== 'ed25519') throw record.refuse('algorithm is not ed25519')
  const revoked = record.optional('revoked_at') === undefined ? undefined : record.instant('revoked_at')
  const id = record.words('id')
  const public_key = record.hex('public_key', 32)
  const created_at = record.instant('created_at')
  return { id, public_key, algorithm, created_at, revoked_at: revoked, rest: record.rest() }
}

/** Returns the canonical JSON of one record. */
export function printActor(actor: ActorRecord): string {
  const { rest, ...members } = actor
  return printRecord(members, rest)
}

/**
 * Returns whether a key is revoked at `timestamp`: at or after the instant `revokedAt`. Both are
 * RFC 3339; a time that cannot be read counts against the key.
 */
export function isRevokedAt(revokedAt: string | undefined, timestamp: string): boolean {
  if (revokedAt === undefined) return false
  const [revoked, at] = [readInstant(revokedAt), readInstant(timestamp)]
  return revoked === undefined || at === undefined || compareInstants(at, revoked) >= 0
}

/**
 * The result of judgeEventSignature. `unneeded`: the event's actor is not of type human, or not
 * registered.
 */
export type SignatureVerdict = 'valid' | 'unneeded' | 'unsigned' | 'invalid' | 'revoked'

/**
 * Judges the signature of an event in stored form: an event of a registered person must carry a
 * signature under a key of that person that is not revoked at the event's timestamp.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE for a text that is not an event in stored form
 */
export function judgeEventSignature(
  event: { readonly text: Uint8Array; readonly head: Pick<EventHead, 'actor' | 'timestamp' | 'signed'> },
  actors: readonly ActorRecord[],
  verify: Verify,
): SignatureVerdict {
  const { actor, timestamp, signed } = event.head
  const own = actors.filter(({ id }) => id === actor.id)
  if (actor.type !== 'human' || own.length === 0) return 'unneeded'
  const live = own.filter(({ revoked_at }) => !isRevokedAt(revoked_at, timestamp))
  if (live.length === 0) return 'revoked'
  if (!signed) return 'unsigned'
  const signature = eventSignature(event.text)
  if (signature === undefined) return 'invalid'
  const message = eventSigningBytes(event.text, signature.form)
  const signs = ({ public_key }: ActorRecord) => verify(fromHex(public_key)!, message, signature.sig) === true
  if (live.some(signs)) return 'valid'
  return own.some(signs) ? 'revoked' : 'invalid'
}

/**
 * Words without invisible characters (control, format and so on), separated by single plain spaces.
 */
const VISIBLE = /^[^\p{C}\p{Z}]+(?: [^\p{C}\p{Z}]+)*$/u

const PLACEHOLDERS = new Set(['', 'reviewer', 'user', 'unknown'])

/**
 * Checks that the id may be a reviewer's: a person's id, not an agent's or a placeholder.
 * @throws ReplicaError ERR_REVIEWER
 */
export function checkReviewer(id: string): void {
  const refusal = reviewerFault(id)
  if (refusal !== undefined) throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)}: ${refusal}`)
}

/** Returns whether the id is that of a program. */
export function isAgent(id: string): boolean {
  const name = id.toLowerCase()
  const last = name.slice(name.lastIndexOf(':') + 1)
  return /^(?:agent|sim):/.test(name) || last.endsWith('-bot') || last.endsWith('-sim')
}

/** Returns why this id may not be a reviewer's, or undefined. */
function reviewerFault(id: string): string | undefined {
  if (!VISIBLE.test(id)) return 'a reviewer id must be visible text without spaces at its ends'
  const name = id.toLowerCase()
  const last = name.slice(name.lastIndexOf(':') + 1)
  if (isAgent(id) || name.startsWith('ci:')) return 'agents and simulations may propose, only people may decide'
  const isPlaceholder = [name, last].some(part => PLACEHOLDERS.has(part) || part.startsWith('local-'))
  return isPlaceholder ? 'the id is a placeholder' : undefined
}

/**
 * Checks that the reviewer may decide at the time `at` (RFC 3339) with the signer's key: a
 * registered key of the reviewer, if there is one, and never a key that is registered for another
 * actor.
 * @throws ReplicaError ERR_REVIEWER
 */
export function checkReviewerKey(
  reviewer: { readonly id: string; readonly signer: Signer; readonly at: string },
  actors: readonly ActorRecord[],
): void {
  checkReviewer(reviewer.id)
  checkKeyOf({ ...reviewer, key: reviewer.signer.publicKey }, actors)
}

/**
 * Makes the checks of checkReviewerKey for a key, 64 lower-case hex digits, without the id.
 * @throws ReplicaError ERR_REVIEWER
 */
function checkKeyOf(
  { id, key, at }: { readonly id: string; readonly key: string; readonly at: string },
  actors: readonly ActorRecord[],
): void {
  const own = actors.filter(actor => actor.id === id)
  if (actors.some(actor => actor.id !== id && actor.public_key === key) && !own.some(actor => actor.public_key === key))
    throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)}: the key is registered for another actor`)
  if (own.length === 0) return
  const registered = own.filter(actor => actor.public_key === key)
  if (registered.length === 0) throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)} is registered with another key`)
  if (registered.every(actor => isRevokedAt(actor.revoked_at, at)))
    throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)}: the key is revoked`)
}

/** The context that decides which resolutions count. */
export interface ResolutionAuthorities {
  /**
   * The frontier's registered actors; undefined if their list cannot be read: no resolution counts
   * then.
   */
  readonly actors: readonly ActorRecord[] | undefined
  /** Strict Ed25519 verification, which returns false for a key that fails validation. */
  readonly verify: Verify
}

/** No registered actors and no valid signature. */
export const NO_AUTHORITIES: ResolutionAuthorities = { actors: [], verify: () => false }

type Payload = ReadonlyMap<string, Json>

/** A resolving event in stored form. */
interface ResolvingEvent {
  readonly text: Uint8Array
  readonly head: Pick<EventHead, 'actor' | 'timestamp' | 'signed'>
}

/** Prefix of the id of a computed conflict (protocol/replay.md, R19). */
export const COMPUTED_ID = 'vcx_'

/**
 * Returns whether the payload has the reference's form: a recorded conflict, no choice, no
 * superseded resolution.
 */
function isUnsignedForm(payload: Payload): boolean {
  const supersedes = payload.get('supersedes') ?? []
  const isComputed = (payload.get('conflict_event_id') as string).startsWith(COMPUTED_ID)
  return !isComputed && !payload.has('choice') && (supersedes as Json[]).length === 0
}

/** Returns the registered actors. @throws ReplicaError ERR_ACTOR if their list cannot be read */
export function actorsOf({ actors }: ResolutionAuthorities): readonly ActorRecord[] {
  if (actors !== undefined) return actors
  throw new ReplicaError('ERR_ACTOR', 'the frontier’s list of actors cannot be read')
}

/**
 * Checks that a resolving event counts: its actor is the person that its payload names, may decide,
 * and signed it if that is required. The caller has checked the form of the payload (G4).
 * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR
 */
export function checkAuthority(event: ResolvingEvent, payload: Payload, authorities: ResolutionAuthorities): void {
  const { actor } = event.head
  const resolvedBy = payload.get('resolved_by') as string
  const refused = reviewerFault(resolvedBy)
  if (refused !== undefined) throw refusal(refused)
  if (actor.id !== resolvedBy || actor.type !== 'human') throw refusal('the actor is not the person in resolved_by')
  if (isUnsignedForm(payload)) checkRegistered(event, authorities)
  else checkSigner(event, payload, authorities)
}

/** In the reference's form a registered actor must have signed. */
function checkRegistered(event: ResolvingEvent, authorities: ResolutionAuthorities): void {
  const verdict = judgeEventSignature(event, actorsOf(authorities), authorities.verify)
  if (verdict === 'valid' || verdict === 'unneeded') return
  throw refusal(`${excerpt(event.head.actor.id)} is registered, but the event’s signature is ${WORDS[verdict]}`)
}

const WORDS = { unsigned: 'missing', invalid: 'not by that actor’s key', revoked: 'by a revoked key' } as const

function checkSigner({ text, head }: ResolvingEvent, payload: Payload, authorities: ResolutionAuthorities): void {
  const key = payload.get('signer')
  if (typeof key !== 'string' || !isLowerHex(key, 32)) throw refusal('the payload does not name the signer’s key')
  checkKeyOf({ id: head.actor.id, key, at: head.timestamp }, actorsOf(authorities))
  const signature = head.signed ? eventSignature(text) : undefined
  if (signature === undefined) throw refusal('the event has no signature')
  const message = eventSigningBytes(text, signature.form)
  if (authorities.verify(fromHex(key)!, message, signature.sig) !== true)
    throw refusal('the signature is not valid under the signer’s key')
}

function refusal(reason: string): ReplicaError {
  return new ReplicaError('ERR_REVIEWER', reason)
}
