// Offsets of the members of an event in stored form. The form is canonical JSON with a fixed set of
// members, so the text is a template: fixed bytes with strings, one list and one free value between
// them. One pass along the template checks the whole form and finds all offsets. It decodes and
// builds nothing. Spec: protocol/event.md, V12.

import { asBuffer } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { stringEnd, stringSpanEnd, valueEnd } from '../json/canonical-scanner.ts'

/** A half-open range of bytes; for strings it includes the quotes. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Where the members of a stored event are. */
export interface EventLayout {
  readonly actorId: Span
  readonly actorType: Span
  readonly id: Span
  readonly kind: Span
  readonly payload: Span
  readonly reason: Span
  readonly signature: Span | undefined
  readonly targetId: Span
  readonly targetType: Span
  readonly timestamp: Span
  /** From `"id":` through its comma. The content omits it. */
  readonly idMember: Span
  /**
   * schema_artifact_id and signature with their commas; may be empty. Content and signed text omit
   * them.
   */
  readonly unsigned: Span
}

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1')

const ACTOR_ID = ascii('{"actor":{"id":')
const TYPE = ascii(',"type":')
const AFTER_HASH = ascii('},"after_hash":')
const BEFORE_HASH = ascii(',"before_hash":')
const CAVEATS = ascii(',"caveats":[')
const ID = ascii('],"id":')
const KIND = ascii(',"kind":')
const PAYLOAD = ascii(',"payload":')
const REASON = ascii(',"reason":')
const SCHEMA = ascii(',"schema":')
const SCHEMA_ARTIFACT_ID = ascii(',"schema_artifact_id":')
const SIGNATURE = ascii(',"signature":')
const TARGET_ID = ascii(',"target":{"id":')
const TIMESTAMP = ascii('},"timestamp":')
const CLOSE = ascii('}')

/** A position along the template. After a step fails, `at` stays −1. */
interface Walk {
  readonly bytes: Uint8Array
  at: number
}

/**
 * Returns the layout of an event in stored form; undefined for any other bytes. The bytes must be
 * UTF-8.
 */
export function eventLayout(bytes: Uint8Array): EventLayout | undefined {
  const walk: Walk = { bytes, at: 0 }
  const actorId = stringAfter(walk, ACTOR_ID)
  const actorType = stringAfter(walk, TYPE)
  stringAfter(walk, AFTER_HASH)
  stringAfter(walk, BEFORE_HASH)
  strings(walk, CAVEATS)
  const id = stringAfter(walk, ID)
  const kind = stringAfter(walk, KIND)
  const payload = valueAfter(walk, PAYLOAD)
  const reason = stringAfter(walk, REASON)
  const schema = stringAfter(walk, SCHEMA)
  if (startsWith(walk, SCHEMA_ARTIFACT_ID)) stringAfter(walk, SCHEMA_ARTIFACT_ID)
  const signature = startsWith(walk, SIGNATURE) ? stringAfter(walk, SIGNATURE) : undefined
  const unsignedEnd = walk.at + 1
  const targetId = stringAfter(walk, TARGET_ID)
  const targetType = stringAfter(walk, TYPE)
  const timestamp = stringAfter(walk, TIMESTAMP)
  skip(walk, CLOSE)
  if (walk.at !== bytes.length) return undefined
  const idMember = { start: id.start - ID.length + 2, end: id.end + 1 }
  const unsigned = { start: schema.end + 1, end: unsignedEnd }
  return {
    actorId,
    actorType,
    id,
    kind,
    payload,
    reason,
    signature,
    targetId,
    targetType,
    timestamp,
    idMember,
    unsigned,
  }
}

function startsWith(walk: Walk, literal: Uint8Array): boolean {
  const { bytes, at } = walk
  if (at < 0 || at + literal.length > bytes.length) return false
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false
  return true
}

function skip(walk: Walk, literal: Uint8Array): void {
  walk.at = startsWith(walk, literal) ? walk.at + literal.length : -1
}

function stringAfter(walk: Walk, literal: Uint8Array): Span {
  skip(walk, literal)
  const start = walk.at
  if (start >= 0) walk.at = stringEnd(walk.bytes, start)
  return { start, end: walk.at }
}

function valueAfter(walk: Walk, literal: Uint8Array): Span {
  skip(walk, literal)
  const start = walk.at
  // The event is the first level.
  if (start >= 0) walk.at = valueEnd(walk.bytes, start, NODE_LIMITS.jsonDepthMax - 1)
  return { start, end: walk.at }
}

/** Steps over the strings of a list, up to but not over its closing bracket. */
function strings(walk: Walk, literal: Uint8Array): void {
  const { bytes } = walk
  skip(walk, literal)
  if (walk.at < 0 || bytes[walk.at] === 0x5d) return
  for (;;) {
    walk.at = stringEnd(bytes, walk.at)
    if (walk.at < 0 || bytes[walk.at] !== 0x2c) return
    walk.at += 1
  }
}

const PARENTS = ascii('"parents":[')

/**
 * Returns the spans of the strings in `payload.parents`, quotes included; undefined if there is no
 * such list.
 */
export function parentSpans(bytes: Buffer, payload: Span): Span[] | undefined {
  // Few payloads name parents; one fast search avoids the walk.
  if (bytes[payload.start] !== 0x7b || bytes.indexOf(PARENTS, payload.start) < 0) return undefined
  let at = payload.start + 1
  while (at < payload.end) {
    const walk: Walk = { bytes, at }
    if (startsWith(walk, PARENTS)) return stringItems(bytes, at + PARENTS.length)
    at = valueEnd(bytes, stringEnd(bytes, at) + 1) + 1
  }
  return undefined
}

function stringItems(bytes: Uint8Array, start: number): Span[] {
  const spans: Span[] = []
  for (let at = start; bytes[at] !== 0x5d; ) {
    const end = valueEnd(bytes, at)
    if (bytes[at] === 0x22) spans.push({ start: at, end })
    at = bytes[end] === 0x2c ? end + 1 : end
  }
  return spans
}

const QUOTE = 0x22
const ID_MEMBER = Buffer.from('id":"vev_', 'latin1')
const HEX_DIGITS = 16

/**
 * Returns the 8 bytes of the id of a stored event, without parsing or checking the event again. A
 * scan over canonical text, which ends at the top-level member `id`.
 * @throws ReplicaError ERR_EVENT_SHAPE for a text that the gate would have refused
 */
export function eventIdPrefixOf(event: Uint8Array): Uint8Array {
  const text = asBuffer(event)
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!
    if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) depth--
    if (byte !== QUOTE) continue
    // In canonical text only a member name is followed by a colon, so a value cannot be taken for
    // the name.
    if (depth === 1 && ID_MEMBER.equals(text.subarray(at + 1, at + 1 + ID_MEMBER.length))) {
      const digits = at + 1 + ID_MEMBER.length
      const label = Buffer.from(text.toString('latin1', digits, digits + HEX_DIGITS), 'hex')
      if (label.length === HEX_DIGITS / 2) return label
      break
    }
    const end = stringSpanEnd(text, at)
    if (end < 0) break
    at = end - 1
  }
  throw new ReplicaError('ERR_EVENT_SHAPE', 'a stored event without an id')
}
