// Whether a resolving event is the word of the person it names (protocol/resolution.md, G15): by its name alone nobody settles what
// replay would carry out. Such an event says which key signed it and is signed with that key; in the reference's form, which changes no
// object, only registered actors have to sign. Pure: who is registered and how signatures are verified are handed in.

import { fromHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { type EventHead, eventSignature, eventSigningBytes } from '../../event/event.ts'
import { excerpt } from '../../event/fields.ts'
import { isLowerHex, type Verify } from '../../event/signing.ts'
import type { Json } from '../../json/value.ts'
import { type ActorRecord, judgeEventSignature } from './authority.ts'
import { checkKeyOf, refusedBecause } from './reviewer.ts'

/** What resolutions are judged by. */
export interface ResolutionAuthorities {
  /** The frontier's registered actors; undefined where their list can't be read, and then nothing is settled. */
  readonly actors: readonly ActorRecord[] | undefined
  /** The one rule, under vetted keys alone. */
  readonly verify: Verify
}

/** Nobody is registered and no signature is valid. */
export const NO_DECIDERS: ResolutionAuthorities = { actors: [], verify: () => false }

type Payload = ReadonlyMap<string, Json>

/** A resolving event in stored form. */
interface Resolving {
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
  throw new ReplicaError('ERR_ACTOR', 'the list of the frontier’s actors can’t be read')
}

/**
 * A resolving event, whose payload is of its form (G4), counts: a person under a name of their own says so, and signed it where
 * that is asked for.
 * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR
 */
export function checkAuthority(event: Resolving, payload: Payload, deciders: ResolutionAuthorities): void {
  const { actor } = event.head
  const resolvedBy = payload.get('resolved_by') as string
  const refused = refusedBecause(resolvedBy)
  if (refused !== undefined) throw refusal(refused)
  if (actor.id !== resolvedBy || actor.type !== 'human') throw refusal('its actor is not the person who resolved')
  if (isUnsignedForm(payload)) checkRegistered(event, deciders)
  else checkSigner(event, payload, deciders)
}

/** Of the reference's form: who is registered has to have signed. */
function checkRegistered(event: Resolving, deciders: ResolutionAuthorities): void {
  const verdict = judgeEventSignature(event, actorsOf(deciders), deciders.verify)
  if (verdict === 'valid' || verdict === 'unneeded') return
  throw refusal(`${excerpt(event.head.actor.id)} is registered, and the event’s signature is ${WORDS[verdict]}`)
}

const WORDS = { unsigned: 'missing', invalid: 'not of that actor’s key', revoked: 'of a revoked key' } as const

function checkSigner({ text, head }: Resolving, payload: Payload, deciders: ResolutionAuthorities): void {
  const key = payload.get('signer')
  if (typeof key !== 'string' || !isLowerHex(key, 32)) throw refusal('it does not name the key of its signer')
  checkKeyOf({ id: head.actor.id, key, at: head.timestamp }, actorsOf(deciders))
  const signature = head.signed ? eventSignature(text) : undefined
  if (signature === undefined) throw refusal('it carries no signature')
  const message = eventSigningBytes(text, signature.form)
  if (deciders.verify(fromHex(key)!, message, signature.sig) !== true)
    throw refusal('its signature is not valid under the key of its signer')
}

function refusal(reason: string): ReplicaError {
  return new ReplicaError('ERR_REVIEWER', reason)
}
