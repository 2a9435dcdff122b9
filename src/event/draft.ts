// A draft of an event from JSON text that a person wrote (protocol/event.md, V20): the members of an event without id
// and schema, most of them optional. Stricter than the reader of events: a misspelt member is refused instead of
// dropped, and so is what says nothing, and a time that is none, since nobody has signed yet.

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

/** @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE, ERR_INSTANT for a timestamp that is no instant */
export function readDraft(text: string | Uint8Array): EventDraft {
  const cursor = openCursor(text, 'exact')
  if (peek(cursor) !== '{') throw shapeError('a draft must be an object')
  const dropped: string[] = []
  const fields = readFields(cursor, { path: '', fields: DRAFT_FIELDS, dropped })
  expectEnd(cursor)
  return draftOf(fields, dropped)
}

/** The same of a value, as its text would be read. @throws as readDraft does */
export function draftOfValue(value: Json): EventDraft {
  if (!(value instanceof Map)) throw shapeError('a draft must be an object')
  const dropped = foreign(value, DRAFT_FIELDS)
  for (const name of ['target', 'actor']) {
    const part = value.get(name)
    if (part === undefined) continue
    if (!(part instanceof Map)) return readDraft(printJson(value)) // an array of values, or nothing that is read
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
    kind: saidField(fields, 'kind'),
    target: { type: saidField(target, 'type', 'target.'), id: saidField(target, 'id', 'target.') },
    actor: { id: saidField(actor, 'id', 'actor.'), ...optional(actor, 'type') },
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

/** A text that is there and is more than white space. */
function saidField(fields: Map<string, Json> | undefined, name: string, path = ''): string {
  const text = stringField(fields, name, path)
  if (isBlank(text)) throw shapeError(`${path}${name} is blank`)
  return text
}

/** The member under its own name, or nothing: an absent option is not the same as undefined. */
function optional<Name extends string>(
  fields: Map<string, Json> | undefined,
  name: Name,
): Partial<Record<Name, string>> {
  const value = fields === undefined ? undefined : optionalField(fields, name)
  return value === undefined ? {} : ({ [name]: value } as Record<Name, string>)
}
