// Encodes and checks one journal entry: an observation, signed with the replica's key and linked to
// the previous entry by hash, so that a change, removal or insertion is detected. Entries of stores
// made before journals were signed have neither; they can be read, and may only come first. Spec:
// protocol/journal.md, J1–J5.

import { type Digest, equals, fromHex, sha256, toHex, utf8 } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { JOURNAL_LIMITS } from '../base/limits.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import { verify } from '../crypto/ed25519.ts'
import type { Key } from '../crypto/key.ts'
import { checkEvent } from '../event/event.ts'

const DOMAIN = utf8('replica/journal/1\n')
const VERSION = 1

/** Values that an entry records, by name. */
export type JournalFacts = { readonly [name: string]: CborValue }

/** An observation to write. */
export interface Observation {
  readonly kind: string
  readonly facts: JournalFacts
  /** Canonical JSON of the federation event that the entry records. */
  readonly event?: Uint8Array | undefined
}

/** One entry of the journal. */
export interface JournalEntry {
  readonly number: number
  /** RFC 3339, by this machine's clock. */
  readonly at: string
  readonly kind: string
  readonly facts: JournalFacts
  /** SHA-256 of the entry's bytes, 64 hex digits. The next entry names it. */
  readonly hash: string
  /** Hash of the previous entry; undefined for the first. */
  readonly prev: string | undefined
  /** Public key that signed it, 64 hex digits; undefined for an unsigned entry of an old store. */
  readonly key: string | undefined
  /** Canonical JSON of the recorded event. */
  readonly event?: Uint8Array
  /** The stored, signed bytes. */
  readonly bytes: Uint8Array
}

/** The place of an entry in the journal. */
export interface EntryPlace {
  readonly frontier: string
  readonly number: number
  /** Hash of the previous entry. */
  readonly prev: Digest | undefined
}

/**
 * Returns the bytes of an entry.
 * @throws ReplicaError ERR_JOURNAL if it is too large; ERR_EVENT_… if the event is not whole and
 * canonical
 */
export function makeEntry(observed: Observation & { at: string }, place: EntryPlace, key: Key): Uint8Array {
  const { at, kind, facts, event } = observed
  if (event !== undefined) checkEvent(event)
  const body = {
    v: VERSION,
    at,
    key: key.publicKeyBytes,
    kind,
    prev: place.prev ?? null,
    facts: facts as { [name: string]: CborValue },
    number: place.number,
    frontier: place.frontier,
    ...(event === undefined ? {} : { event: Buffer.from(event).toString('utf8') }),
  }
  const entry = encodeCbor({ sig: key.sign(signed(encodeCbor(body))), body })
  const { entryBytesMax } = JOURNAL_LIMITS
  if (entry.length > entryBytesMax)
    throw new ReplicaError('ERR_JOURNAL', `the entry has ${entry.length} bytes, more than ${entryBytesMax}`)
  return entry
}

/**
 * Reads an entry and checks its form only.
 * @throws ReplicaError ERR_JOURNAL
 */
export function readJournalEntry(bytes: Uint8Array, number: number): JournalEntry {
  const hash = toHex(sha256(bytes))
  const whole = mapOf(decode(bytes))
  const isSigned = Object.hasOwn(whole, 'sig')
  const body = isSigned ? mapOf(whole.body) : whole
  const { at, kind, facts, prev, key, event } = body
  if (typeof at !== 'string' || typeof kind !== 'string') throw malformed('its time or its kind is not text')
  const entry = { number, at, kind, facts: mapOf(facts), hash, bytes }
  if (!isSigned) return { ...entry, prev: undefined, key: undefined }
  if (!(prev === null || isBytes(prev, 32)) || !isBytes(key, 32))
    throw malformed('its key or its link does not have 32 bytes')
  if (event !== undefined && typeof event !== 'string') throw malformed('its event is not text')
  return {
    ...entry,
    prev: prev === null ? undefined : toHex(prev),
    key: toHex(key),
    ...(event === undefined ? {} : { event: utf8(event) }),
  }
}

const MEMBERS = ['at', 'facts', 'frontier', 'key', 'kind', 'number', 'prev', 'v']

/**
 * Checks an entry completely. `ownKeys`: present and former keys of the replica, 64 hex digits
 * each.
 * @throws ReplicaError ERR_JOURNAL; ERR_EVENT_… for the event in it
 */
export function checkEntry(
  bytes: Uint8Array,
  place: EntryPlace & { readonly mayBeUnsigned: boolean; readonly ownKeys: ReadonlySet<string> },
): JournalEntry {
  const entry = readJournalEntry(bytes, place.number)
  if (entry.key === undefined) {
    if (place.mayBeUnsigned) return entry
    throw malformed('it is not signed, but an entry before it is')
  }
  const { body, sig } = mapOf(decode(bytes))
  const members = mapOf(body)
  const names = Object.keys(members).filter(name => name !== 'event')
  if (names.sort().join() !== MEMBERS.join() || Object.keys(mapOf(decode(bytes))).length !== 2)
    throw malformed('it has missing or unknown members')
  const { v, number, frontier, prev } = members
  if (v !== VERSION) throw malformed('it is of another version')
  if (frontier !== place.frontier) throw malformed('it is of another frontier')
  if (number !== place.number) throw malformed(`it has the number ${String(number)}`)
  const follows = place.prev === undefined ? prev === null : isBytes(prev, 32) && equals(prev, place.prev)
  if (!follows) throw malformed('it does not follow the entry before it')
  if (!place.ownKeys.has(entry.key)) throw malformed(`its key ${entry.key} is not a key of this replica`)
  const valid = sig instanceof Uint8Array && verify(fromHex(entry.key)!, signed(encodeCbor(members)), sig)
  if (!valid) throw malformed('its signature is not valid')
  if (entry.event !== undefined) checkEvent(entry.event)
  return entry
}

function signed(body: Uint8Array): Uint8Array {
  return Buffer.concat([DOMAIN, body])
}

function decode(bytes: Uint8Array): CborValue {
  try {
    return decodeCbor(bytes)
  } catch (cause) {
    if (!hasCode(cause, 'ERR_CBOR')) throw cause
    throw new ReplicaError('ERR_JOURNAL', `the entry is not DAG-CBOR: ${cause.message}`, { cause })
  }
}

function mapOf(value: CborValue | undefined): { [name: string]: CborValue } {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  if (isMap) return value
  throw malformed('a map is expected')
}

function isBytes(value: CborValue | undefined, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length
}

function malformed(reason: string): ReplicaError {
  return new ReplicaError('ERR_JOURNAL', reason)
}
