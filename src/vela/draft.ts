// A draft of an event from JSON text that a person wrote (protocol/event.md, V20): the members of an event without id
// and schema, most of them optional. Stricter than the reader of events: a misspelt member is refused instead of
// dropped, since nobody has signed yet.

import type { EventDraft } from './event.ts'
import { optionalField, readFields, shape, stringField, stringList } from './event-record.ts'
import { expectEnd, openCursor, peek, readMembers } from './reader.ts'
import { skipValue } from './skip.ts'
import type { Json } from './value.ts'

const DRAFT_FIELDS = [
  'kind',
  'target',
  'actor',
  'reason',
  'payload',
  'timestamp',
  'before_hash',
  'after_hash',
  'caveats',
  'signature',
  'schema_artifact_id',
] as const

/** Whether a text gives a whole event, which has an id or is an array of values, and no draft. @throws ReplicaError ERR_JSON */
export function isWholeEvent(text: string | Uint8Array): boolean {
  const cursor = openCursor(text, 'exact')
  const opening = peek(cursor)
  if (opening !== '{') return opening === '['
  let hasId = false
  readMembers(cursor, name => {
    hasId ||= name === 'id'
    skipValue(cursor)
  })
  return hasId
}

/** @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE */
export function readDraft(text: string | Uint8Array): EventDraft {
  const cursor = openCursor(text, 'exact')
  if (peek(cursor) !== '{') throw shape('a draft is an object')
  const dropped: string[] = []
  const fields = readFields(cursor, { path: '', fields: DRAFT_FIELDS, dropped })
  expectEnd(cursor)
  if (dropped[0] !== undefined) throw shape(`${dropped[0]} is no member of a draft`)
  const target = fields.get('target') as Map<string, Json> | undefined
  const actor = fields.get('actor') as Map<string, Json> | undefined
  return {
    kind: stringField(fields, 'kind'),
    target: { type: stringField(target, 'type', 'target.'), id: stringField(target, 'id', 'target.') },
    actor: { id: stringField(actor, 'id', 'actor.'), ...optional(actor, 'type') },
    reason: stringField(fields, 'reason'),
    payload: fields.get('payload') ?? null,
    caveats: stringList(fields, 'caveats'),
    ...optional(fields, 'timestamp'),
    ...optional(fields, 'before_hash'),
    ...optional(fields, 'after_hash'),
    ...optional(fields, 'signature'),
    ...optional(fields, 'schema_artifact_id'),
  }
}

/** The member under its own name, or nothing: an absent option is not the same as undefined. */
function optional<Name extends string>(
  fields: Map<string, Json> | undefined,
  name: Name,
): Partial<Record<Name, string>> {
  const value = fields === undefined ? undefined : optionalField(fields, name)
  return value === undefined ? {} : ({ [name]: value } as Record<Name, string>)
}
