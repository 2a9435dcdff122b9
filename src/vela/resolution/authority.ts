// Actors of a frontier and what their keys are good for (protocol/resolution.md, G1–G3): records of `.vela/actors.json`, and
// whether an event's own signature is in order. Revocation goes by instants, and a time that can't be read helps nobody.

import { fromHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { NODE_LIMITS } from '../../base/limits.ts'
import { type EventHead, eventSignature, eventSigningBytes } from '../../event/event.ts'
import type { Verify } from '../../event/signing.ts'
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
  if (peek(cursor) !== '[') throw new ReplicaError('ERR_ACTOR', 'actors are a list of records')
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
