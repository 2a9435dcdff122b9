// The payloads of `frontier.*` events (protocol/resolution.md, G4, G5): the reference's checks of what it knows, and those of
// `frontier.merged`, which it doesn't. Members beyond these are allowed, as the reference allows them.

import { NODE_LIMITS } from '../base/limits.ts'
import { shapeError } from '../event/fields.ts'
import { parseJson } from '../json/json.ts'
import { isBlank } from '../json/record.ts'
import { type Json, JsonNumber } from '../json/value.ts'

export const CONFLICT_DETECTED = 'frontier.conflict_detected'
export const CONFLICT_RESOLVED = 'frontier.conflict_resolved'

/** The payload of an event in stored form. @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE */
export function payloadOf(text: Uint8Array): Json {
  const event = parseJson(text, { numbers: 'exact' })
  const payload = event instanceof Map ? event.get('payload') : undefined
  if (payload === undefined) throw shapeError('the event has no payload')
  return payload
}

/**
 * The payload of one of the five kinds is of its form; payloads of other kinds are not looked at.
 * @throws ReplicaError ERR_EVENT_SHAPE
 */
export function checkFrontierPayload(kind: string, payload: Json): void {
  const check = CHECKS.get(kind)
  if (check === undefined) return
  if (!(payload instanceof Map)) throw shapeError(`the payload of ${kind} is no object`)
  check(payload)
}

type Payload = ReadonlyMap<string, Json>

const CHECKS = new Map<string, (payload: Payload) => void>([
  ['frontier.synced_with_peer', checkSynced],
  [CONFLICT_DETECTED, checkDetected],
  [CONFLICT_RESOLVED, checkResolved],
  ['frontier.forked_from', checkForked],
  ['frontier.merged', checkMerged],
])

function checkSynced(payload: Payload): void {
  for (const name of ['peer_id', 'peer_snapshot_hash', 'our_snapshot_hash']) stringOf(payload, name)
  const count = payload.get('divergence_count')
  if (!isCount(count, 0)) throw shapeError('divergence_count is no count')
}

function checkDetected(payload: Payload): void {
  stringOf(payload, 'peer_id')
  stringOf(payload, 'finding_id')
  wordsOf(payload, 'kind')
}

function checkResolved(payload: Payload): void {
  for (const name of ['conflict_event_id', 'resolved_by', 'resolution_note']) wordsOf(payload, name)
  if ((payload.get('winning_proposal_id') ?? null) !== null) stringOf(payload, 'winning_proposal_id')
  const supersedes = payload.get('supersedes') ?? []
  if (!Array.isArray(supersedes) || supersedes.some(item => typeof item !== 'string'))
    throw shapeError('supersedes is no list of strings')
  if (payload.has('choice')) checkChoice(payload.get('choice')!)
}

/** Which finding and which difference, and either the event or the value that stands. */
function checkChoice(choice: Json): void {
  if (!(choice instanceof Map)) throw shapeError('choice is no object')
  wordsOf(choice, 'finding_id')
  wordsOf(choice, 'kind')
  if (choice.has('event') === choice.has('value')) throw shapeError('a choice names either an event or a value')
  if (choice.has('event')) wordsOf(choice, 'event')
}

function checkForked(payload: Payload): void {
  if (!stringOf(payload, 'base_frontier').startsWith('vfr_')) throw shapeError('base_frontier is no frontier name')
  stringOf(payload, 'base_root')
  wordsOf(payload, 'fork_reason')
  if (payload.has('triggering_ancestors') && !Array.isArray(payload.get('triggering_ancestors')))
    throw shapeError('triggering_ancestors is no list')
}

function checkMerged(payload: Payload): void {
  const heads = payload.get('heads')
  if (!isCount(heads, 2) || heads.toBigInt() > NODE_LIMITS.parentsMax)
    throw shapeError(`heads is no count from 2 to ${NODE_LIMITS.parentsMax}`)
}

function isCount(value: Json | undefined, least: number): value is JsonNumber {
  return value instanceof JsonNumber && value.isInteger && value.toBigInt() >= BigInt(least)
}

function stringOf(payload: Payload, name: string): string {
  const value = payload.get(name)
  if (typeof value === 'string') return value
  throw shapeError(value === undefined ? `${name} is missing` : `${name} is no string`)
}

function wordsOf(payload: Payload, name: string): string {
  const value = stringOf(payload, name)
  if (isBlank(value)) throw shapeError(`${name} is blank`)
  return value
}
