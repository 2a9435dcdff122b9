// Drafts of events, written by people as JSON: the members of an event without id and schema, most
// of them optional. Stricter than the reader of events, because nobody has signed the text yet: it
// refuses unknown members, blank texts and times that are not RFC 3339. Spec: protocol/event.md,
// V20.

import { excerpt, isBlank } from '../base/text.ts'
import { parseInstant } from '../json/instant.ts'
import { printJson } from '../json/json.ts'
import { expectEnd, openCursor, peek, readMembers, skipValue } from '../json/parser.ts'
import type { Json } from '../json/value.ts'
import type { EventDraft } from './event.ts'
import { type Fields, optionalField, readFields, shapeError, stringField, stringList } from './fields.ts'

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
const PART_FIELDS = ['type', 'id'] as const

/**
 * Returns whether a text is a whole event and not a draft: it has an id or is an array of values.
 * @throws ReplicaError ERR_JSON
 */
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

/**
 * Reads a draft.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE, ERR_INSTANT for a timestamp that is not RFC 3339
 */
export function readDraft(text: string | Uint8Array): EventDraft {
  const cursor = openCursor(text, 'exact')
  if (peek(cursor) !== '{') throw shapeError('a draft must be an object')
  const dropped: string[] = []
  const fields = readFields(cursor, { path: '', fields: DRAFT_FIELDS, dropped })
  expectEnd(cursor)
  return draftOf(fields, dropped)
}

/**
 * Reads a draft from a value, with the same result as from its text.
 * @throws as `readDraft` does
 */
export function draftOfValue(value: Json): EventDraft {
  if (!(value instanceof Map)) throw shapeError('a draft must be an object')
  const dropped = foreign(value, DRAFT_FIELDS)
  for (const name of ['target', 'actor']) {
    const part = value.get(name)
    if (part === undefined) continue
    if (!(part instanceof Map)) return readDraft(printJson(value)) // an array of values, or an error
    dropped.push(...foreign(part, PART_FIELDS).map(member => `${name}.${member}`))
  }
  return draftOf(value, dropped)
}

function foreign(fields: ReadonlyMap<string, Json>, known: readonly string[]): string[] {
  return [...fields.keys()].filter(name => !known.includes(name)).map(excerpt)
}

function draftOf(fields: Fields, dropped: readonly string[]): EventDraft {
  if (dropped[0] !== undefined) throw shapeError(`${dropped[0]} is not a member of a draft`)
  const target = fields.get('target') as Map<string, Json> | undefined
  const actor = fields.get('actor') as Map<string, Json> | undefined
  const timestamp = optionalField(fields, 'timestamp')
  if (timestamp !== undefined) parseInstant(timestamp)
  return {
    kind: requiredField(fields, 'kind'),
    target: { type: requiredField(target, 'type', 'target.'), id: requiredField(target, 'id', 'target.') },
    actor: { id: requiredField(actor, 'id', 'actor.'), ...optional(actor, 'type') },
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

/** Returns a text that is present and not blank. */
function requiredField(fields: Map<string, Json> | undefined, name: string, path = ''): string {
  const text = stringField(fields, name, path)
  if (isBlank(text)) throw shapeError(`${path}${name} is blank`)
  return text
}

/** Returns an object with the member, or an empty one: an absent member differs from undefined. */
function optional<Name extends string>(
  fields: Map<string, Json> | undefined,
  name: Name,
): Partial<Record<Name, string>> {
  const value = fields === undefined ? undefined : optionalField(fields, name)
  return value === undefined ? {} : ({ [name]: value } as Record<Name, string>)
}
