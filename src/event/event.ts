// Events: the check for admission, the lenient reader for files, the maker, ids and signing bytes.
// The text of a node is an event in stored form. checkEvent hashes slices of these bytes and never
// prints them again. Signatures are verified elsewhere, in crypto/. Spec: protocol/event.md, V11 to
// V19.

import * as buffer from 'node:buffer'
import { asBuffer, concat, type Digest, equals, fromHex, sha256, sha256Hex, toHex, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { excerpt, trimWhiteSpace } from '../base/text.ts'
import { canonicalize, type ParseOptions, toJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { type EventLayout, eventLayout, parentSpans, type Span } from './event-scanner.ts'
import { EVENT_SCHEMA, type EventRecord, eventTexts, NULL_HASH, readRecord, shapeError } from './fields.ts'

/** An event without its payload. */
export interface EventHead {
  readonly id: string
  readonly kind: string
  readonly timestamp: string
  readonly target: { readonly type: string; readonly id: string }
  readonly actor: { readonly id: string; readonly type: string }
  readonly reason: string
  /** The strings of the list `payload.parents`; undefined if there is no such list. */
  readonly parents: string[] | undefined
  /** Whether the event has a signature member. It is not verified here. */
  readonly signed: boolean
}

/** A stored event with its head, as {@link checkEvent} and {@link importEvent} return it. */
export interface LoggedEvent {
  /** Canonical JSON, UTF-8. */
  readonly text: Uint8Array
  readonly head: EventHead
}

declare const checked: unique symbol

/**
 * An event that passed the check for admission. Only this file makes one, from its own copy of the
 * text, so a receiver need not check it again.
 */
export interface CheckedEvent {
  /** UTF-8 of the stored form. Must not be changed. */
  readonly text: Uint8Array
  readonly head: EventHead
  /** SHA-256 of the text, 32 bytes. */
  readonly digest: Digest
  /** The 8 bytes of the id after `vev_`. */
  readonly label: Uint8Array
  readonly [checked]: true
}

/**
 * Checks for admission that the bytes are an event in stored form, within the limits, and that its
 * id is that of its content.
 * @throws ReplicaError ERR_EVENT_SIZE, ERR_JSON, ERR_JSON_CANONICAL, ERR_EVENT_SHAPE, ERR_EVENT_ID
 */
export function checkEvent(text: Uint8Array): EventHead {
  const { layout } = checkedLayout(text)
  return headOf(text, layout)
}

/**
 * Returns the head of a text that passed the check for admission. Does not check its id again.
 * @throws ReplicaError ERR_JSON, ERR_JSON_CANONICAL, ERR_EVENT_SHAPE
 */
export function eventHead(text: Uint8Array): EventHead {
  return headOf(text, layoutOf(text))
}

/** The same check. Returns only the 8 bytes of the id. @throws as `checkEvent` does */
export function checkedLabel(text: Uint8Array): Uint8Array {
  return eventIdPrefix(checkedLayout(text).id)
}

function checkedLayout(text: Uint8Array): { layout: EventLayout; id: string } {
  checkSize(text)
  const layout = layoutOf(text)
  const id = readString(asBuffer(text), layout.id)
  const computed = contentId(without(text, layout.idMember, layout.unsigned))
  if (id !== computed) throw wrongId(id, computed)
  return { layout, id }
}

/** The result of the lenient reader. */
export interface EventReading {
  /** UTF-8 of the stored form, with the id that the text states. */
  readonly text: Uint8Array
  readonly head: EventHead
  /** Id of the content. The caller compares it with `head.id`. */
  readonly computedId: string
  /** Unknown members that were left out: `zzz`, `target.zzz`. */
  readonly dropped: string[]
}

/**
 * Reads any JSON text that the reference implementation accepts as an event. Returns the stored
 * form and the id that the reference would compute. A wrong id is not refused.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE, ERR_EVENT_SIZE if the stored form exceeds 1 MiB
 */
export function readEvent(text: string | Uint8Array, options: ParseOptions = {}): EventReading {
  const { record, dropped } = readRecord(text, options.numbers ?? 'reference')
  const texts = eventTexts(record)
  const stored = utf8(texts.stored(record.id))
  checkSize(stored)
  return { text: stored, head: recordHead(record), computedId: contentId(utf8(texts.content)), dropped }
}

/** An event from a file whose id is that of its content. */
export interface ImportedEvent extends EventReading, CheckedEvent {
  readonly text: Uint8Array
  readonly head: EventHead
}

/**
 * Reads an event of a file, with the reading of numbers under which its id is that of its content.
 * A writer hashes a float as it holds it, but the reader of the reference may change it (V8). If
 * that reading gives another id, the exact reading is tried.
 * @throws ReplicaError as `readEvent` does, and ERR_EVENT_ID if neither reading gives the stated id
 */
export function importEvent(text: string | Uint8Array): ImportedEvent {
  if (typeof text !== 'string') {
    const stored = readStored(text)
    if (stored !== undefined) return imported(stored)
  }
  const asReference = readEvent(text)
  if (asReference.computedId === asReference.head.id) return imported(asReference)
  const exact = readEvent(text, { numbers: 'exact' })
  if (exact.computedId === exact.head.id) return imported(exact)
  throw wrongId(asReference.head.id, asReference.computedId)
}

function imported({ text, head, computedId, dropped }: EventReading): ImportedEvent {
  return { text, head, computedId, dropped, digest: sha256(text), label: eventIdPrefix(head.id) } as ImportedEvent
}

/**
 * Returns an event whose text is in stored form already, with the right id; undefined for any
 * other. Such a text is not printed again. The result has a copy, because the caller may reuse its
 * bytes.
 */
function readStored(given: Uint8Array): EventReading | undefined {
  if (given.length > NODE_LIMITS.eventBytesMax) return undefined
  const text = Buffer.from(given)
  if (!buffer.isUtf8(text)) return undefined
  const layout = eventLayout(text)
  if (layout === undefined) return undefined
  const head = headOf(text, layout)
  const computedId = contentId(without(text, layout.idMember, layout.unsigned))
  return computedId === head.id ? { text, head, computedId, dropped: [] } : undefined
}

/** The members of an event to make. */
export interface EventDraft {
  readonly kind: string
  readonly target: { readonly type: string; readonly id: string }
  /** Without `type`, `actorType(id)`. */
  readonly actor: { readonly id: string; readonly type?: string }
  readonly reason: string
  /** Any value that `toJson` accepts. Default: null. */
  readonly payload?: unknown
  /** RFC 3339. `makeEvent` has no clock and requires it. */
  readonly timestamp?: string
  readonly before_hash?: string
  readonly after_hash?: string
  readonly caveats?: readonly string[]
  /**
   * Not part of the id: make the event, sign `eventSigningBytes`, make it again with the signature.
   */
  readonly signature?: string
  readonly schema_artifact_id?: string
}

/**
 * Makes an event with the id of its content.
 * @throws ReplicaError ERR_JSON for values without a JSON form, ERR_EVENT_SIZE
 * @throws TypeError without a timestamp
 */
export function makeEvent(draft: EventDraft): CheckedEvent {
  if (draft.timestamp === undefined) throw new TypeError('an event must have a timestamp')
  const texts = eventTexts({
    schema: EVENT_SCHEMA,
    id: '',
    kind: draft.kind,
    target: draft.target,
    actor: { id: draft.actor.id, type: draft.actor.type ?? actorType(draft.actor.id) },
    timestamp: draft.timestamp,
    reason: draft.reason,
    before_hash: draft.before_hash ?? NULL_HASH,
    after_hash: draft.after_hash ?? NULL_HASH,
    payload: toJson(draft.payload ?? null),
    caveats: [...(draft.caveats ?? [])],
    signature: draft.signature,
    schema_artifact_id: draft.schema_artifact_id,
  })
  const text = utf8(texts.stored(contentId(utf8(texts.content))))
  const head = checkEvent(text)
  return { text, head, digest: sha256(text), label: eventIdPrefix(head.id) } as CheckedEvent
}

/**
 * Returns `agent` for ids `agent:…`, `sim:…`, `ci:…`, `…-bot` and `…-sim`, else `human`. White
 * space around the id does not count.
 */
export function actorType(id: string): 'agent' | 'human' {
  const name = trimWhiteSpace(id)
  const last = name.slice(name.lastIndexOf(':') + 1)
  const isAgent = /^(?:agent|sim|ci):/.test(name) || last.endsWith('-bot') || last.endsWith('-sim')
  return isAgent ? 'agent' : 'human'
}

/** Returns the SHA-256 of the stored form, 64 hex digits: the event hash of proof manifests. */
export function eventHash(text: Uint8Array): string {
  return sha256Hex(text)
}

/**
 * Returns the 8 bytes after `vev_`: an index key, not an identity.
 * @throws ReplicaError ERR_EVENT_SHAPE unless `id` is `vev_` and 16 lower-case hex digits
 */
export function eventIdPrefix(id: string): Uint8Array {
  const label = /^vev_[0-9a-f]{16}$/.test(id) ? fromHex(id.slice(4)) : undefined
  if (label === undefined) throw shapeError('an event id must be vev_ and 16 lower-case hex digits')
  return label
}

/** Inverse of `eventIdPrefix`. @throws TypeError unless `label` has 8 bytes */
export function eventIdFromPrefix(label: Uint8Array): string {
  if (label.length !== 8) throw new TypeError('a label has 8 bytes')
  return `vev_${toHex(label)}`
}

/**
 * `bare`: 128 hex digits over the signed text itself. `dsse`: `v1:` and 128 hex digits over the
 * text in a DSSE frame.
 */
export type SignatureForm = 'bare' | 'dsse'

/**
 * Returns the bytes that the signature of an event covers: the stored form without signature and
 * schema_artifact_id, in a DSSE frame for `dsse`.
 * @throws ReplicaError as `checkEvent` does, except ERR_EVENT_ID
 */
export function eventSigningBytes(text: Uint8Array, form: SignatureForm): Uint8Array {
  const { unsigned } = layoutOf(text)
  const body = without(text, unsigned, { start: text.length, end: text.length })
  return form === 'bare' ? body : concat([utf8(`DSSEv1 31 application/vnd.vela.event+json ${body.length} `), body])
}

/** Returns the signature in an event, 64 bytes; undefined if there is none of either form. */
export function eventSignature(text: Uint8Array): { form: SignatureForm; sig: Uint8Array } | undefined {
  const { signature } = layoutOf(text)
  if (signature === undefined) return undefined
  const parts = /^(v1:)?([0-9a-fA-F]{128})$/.exec(readString(asBuffer(text), signature))
  return parts === null ? undefined : { form: parts[1] === undefined ? 'bare' : 'dsse', sig: fromHex(parts[2]!)! }
}

function checkSize(text: Uint8Array): void {
  const { eventBytesMax } = NODE_LIMITS
  if (text.length > eventBytesMax)
    throw new ReplicaError('ERR_EVENT_SIZE', `the event has ${text.length} bytes, more than ${eventBytesMax}`)
}

function wrongId(stated: string, computed: string): ReplicaError {
  return new ReplicaError(
    'ERR_EVENT_ID',
    `the event has the id ${excerpt(stated)}, but its content has the id ${computed}`,
  )
}

function contentId(content: Uint8Array): string {
  return `vev_${sha256Hex(content).slice(0, 16)}`
}

function layoutOf(text: Uint8Array): EventLayout {
  const layout = buffer.isUtf8(text) ? eventLayout(text) : undefined
  if (layout === undefined) throw explain(text)
  return layout
}

/** Returns why the bytes are not an event in stored form. Slow; only for refused input. */
function explain(text: Uint8Array): ReplicaError {
  const canonical = canonicalize(text, { numbers: 'exact' })
  if (!equals(utf8(canonical), text)) return new ReplicaError('ERR_JSON_CANONICAL', 'the event is not canonical JSON')
  const { dropped } = readRecord(text, 'exact')
  return shapeError(
    dropped[0] === undefined ? 'the event is not in stored form' : `${dropped[0]} is not a member of an event`,
  )
}

/** Returns the bytes without two ranges. The first ends before the second starts. */
function without(text: Uint8Array, first: Span, second: Span): Uint8Array {
  return concat([text.subarray(0, first.start), text.subarray(first.end, second.start), text.subarray(second.end)])
}

function headOf(bytes: Uint8Array, layout: EventLayout): EventHead {
  const text = asBuffer(bytes)
  return {
    id: readString(text, layout.id),
    kind: readString(text, layout.kind),
    timestamp: readString(text, layout.timestamp),
    target: { type: readString(text, layout.targetType), id: readString(text, layout.targetId) },
    actor: { id: readString(text, layout.actorId), type: readString(text, layout.actorType) },
    reason: readString(text, layout.reason),
    parents: parentSpans(text, layout.payload)?.map(span => readString(text, span)),
    signed: layout.signature !== undefined,
  }
}

function recordHead(record: EventRecord): EventHead {
  const { id, kind, timestamp, target, actor, reason, payload, signature } = record
  return { id, kind, timestamp, target, actor, reason, parents: parentsOf(payload), signed: signature !== undefined }
}

function parentsOf(payload: Json): string[] | undefined {
  const parents = payload instanceof Map ? payload.get('parents') : undefined
  return Array.isArray(parents) ? parents.filter(item => typeof item === 'string') : undefined
}

/** Returns the text of a canonical string. */
function readString(bytes: Buffer, span: Span): string {
  const text = bytes.toString('utf8', span.start + 1, span.end - 1)
  return text.includes('\\') ? JSON.parse(`"${text}"`) : text
}
