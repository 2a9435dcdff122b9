// Actors of a frontier and what their keys are good for (protocol/resolution.md, G1–G3): records of `.vela/actors.json`, and
// whether an event's own signature is in order. Revocation goes by instants, and a time that can't be read helps nobody.

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

export interface ActorRecord {
  readonly id: string
  /** 64 lower-case hex digits. */
  readonly public_key: string
  readonly algorithm: 'ed25519'
  /** RFC 3339. */
  readonly created_at: string
  /** RFC 3339; from this instant on the key signs nothing that counts. */
  readonly revoked_at: string | undefined
  /** Further members, kept: tier, orcid, access_clearance, revoked_reason and what is not known. */
  readonly rest: ReadonlyMap<string, Json>
}

const FORM = { what: 'actor record', code: 'ERR_ACTOR' } as const

/** A list of actor records. An id may come again, with another key. @throws ReplicaError ERR_JSON, ERR_ACTOR */
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

/** Canonical JSON of one record. */
export function printActor(actor: ActorRecord): string {
  const { rest, ...members } = actor
  return printRecord(members, rest)
}

/**
 * Whether a key that was revoked at one time is of no worth at another: at that very instant and after it. A revocation
 * or a time that is no RFC 3339 counts against the key.
 */
export function isRevokedAt(revokedAt: string | undefined, timestamp: string): boolean {
  if (revokedAt === undefined) return false
  const [revoked, at] = [readInstant(revokedAt), readInstant(timestamp)]
  return revoked === undefined || at === undefined || compareInstants(at, revoked) >= 0
}

/** `unneeded`: the event's actor is not of type human, or not registered. */
export type SignatureVerdict = 'valid' | 'unneeded' | 'unsigned' | 'invalid' | 'revoked'

/**
 * What an event in stored form is worth by its own signature: a registered person's event must carry one under a key of
 * that person that was not revoked at the event's time.
 * @throws ReplicaError as eventSignature does, for text that is no event in stored form
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

/** Words without control, format or other invisible characters, single plain spaces between them. */
const VISIBLE = /^[^\p{C}\p{Z}]+(?: [^\p{C}\p{Z}]+)*$/u

const PLACEHOLDERS = new Set(['', 'reviewer', 'user', 'unknown'])

/** @throws ReplicaError ERR_REVIEWER */
export function checkReviewer(id: string): void {
  const refusal = reviewerFault(id)
  if (refusal !== undefined) throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)}: ${refusal}`)
}

/** Whether an id is a program's by its name. */
export function isAgent(id: string): boolean {
  const name = id.toLowerCase()
  const last = name.slice(name.lastIndexOf(':') + 1)
  return /^(?:agent|sim):/.test(name) || last.endsWith('-bot') || last.endsWith('-sim')
}

/** Why this id may not decide; undefined when it may, as far as its name says. */
export function reviewerFault(id: string): string | undefined {
  if (!VISIBLE.test(id)) return 'a reviewer’s id must be visible text without spaces at its ends'
  const name = id.toLowerCase()
  const last = name.slice(name.lastIndexOf(':') + 1)
  if (isAgent(id)) return 'agents and simulations may only propose'
  const isPlaceholder = [name, last].some(part => PLACEHOLDERS.has(part) || part.startsWith('local-'))
  return isPlaceholder ? 'a placeholder is not a person' : undefined
}

/**
 * The reviewer may decide at this time and signs with the right key: the registered one where one is registered, and
 * never one that is registered for somebody else.
 * @throws ReplicaError ERR_REVIEWER
 */
export function checkReviewerKey(
  reviewer: { readonly id: string; readonly signer: Signer; readonly at: string },
  actors: readonly ActorRecord[],
): void {
  checkReviewer(reviewer.id)
  checkKeyOf({ ...reviewer, key: reviewer.signer.publicKey }, actors)
}

/** The same of a key alone, 64 lower-case hex digits. @throws ReplicaError ERR_REVIEWER */
export function checkKeyOf(
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

/** What resolutions are judged by. */
export interface ResolutionAuthorities {
  /** The frontier's registered actors; undefined where their list can't be read, and then nothing is settled. */
  readonly actors: readonly ActorRecord[] | undefined
  /** The one rule, under vetted keys alone. */
  readonly verify: Verify
}

/** Nobody is registered and no signature is valid. */
export const NO_AUTHORITIES: ResolutionAuthorities = { actors: [], verify: () => false }

type Payload = ReadonlyMap<string, Json>

/** A resolving event in stored form. */
interface ResolvingEvent {
  readonly text: Uint8Array
  readonly head: Pick<EventHead, 'actor' | 'timestamp' | 'signed'>
}

/** How a computed conflict's id begins (protocol/replay.md, R19). */
export const COMPUTED_ID = 'vcx_'

/** Whether the payload is as the reference makes it: it names a recorded conflict, and no value, and takes nobody's place. */
export function isUnsignedForm(payload: Payload): boolean {
  const supersedes = payload.get('supersedes') ?? []
  const isComputed = (payload.get('conflict_event_id') as string).startsWith(COMPUTED_ID)
  return !isComputed && !payload.has('choice') && (supersedes as Json[]).length === 0
}

/** The registered actors. @throws ReplicaError ERR_ACTOR where they can't be read */
export function actorsOf({ actors }: ResolutionAuthorities): readonly ActorRecord[] {
  if (actors !== undefined) return actors
  throw new ReplicaError('ERR_ACTOR', 'can’t read the frontier’s list of actors')
}

/**
 * A resolving event, whose payload is of its form (G4), counts: a person under a name of their own says so, and signed it where
 * that is asked for.
 * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR
 */
export function checkAuthority(event: ResolvingEvent, payload: Payload, authorities: ResolutionAuthorities): void {
  const { actor } = event.head
  const resolvedBy = payload.get('resolved_by') as string
  const refused = reviewerFault(resolvedBy)
  if (refused !== undefined) throw refusal(refused)
  if (actor.id !== resolvedBy || actor.type !== 'human') throw refusal('its actor is not the person who resolved')
  if (isUnsignedForm(payload)) checkRegistered(event, authorities)
  else checkSigner(event, payload, authorities)
}

/** Of the reference's form: who is registered has to have signed. */
function checkRegistered(event: ResolvingEvent, authorities: ResolutionAuthorities): void {
  const verdict = judgeEventSignature(event, actorsOf(authorities), authorities.verify)
  if (verdict === 'valid' || verdict === 'unneeded') return
  throw refusal(`${excerpt(event.head.actor.id)} is registered, but the event’s signature is ${WORDS[verdict]}`)
}

const WORDS = { unsigned: 'missing', invalid: 'not of that actor’s key', revoked: 'of a revoked key' } as const

function checkSigner({ text, head }: ResolvingEvent, payload: Payload, deciders: ResolutionAuthorities): void {
  const key = payload.get('signer')
  if (typeof key !== 'string' || !isLowerHex(key, 32)) throw refusal('it does not name its signer’s key')
  checkKeyOf({ id: head.actor.id, key, at: head.timestamp }, actorsOf(deciders))
  const signature = head.signed ? eventSignature(text) : undefined
  if (signature === undefined) throw refusal('it carries no signature')
  const message = eventSigningBytes(text, signature.form)
  if (deciders.verify(fromHex(key)!, message, signature.sig) !== true)
    throw refusal('its signature is not valid for its signer’s key')
}

function refusal(reason: string): ReplicaError {
  return new ReplicaError('ERR_REVIEWER', reason)
}
