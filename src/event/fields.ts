// Events as fields: the lenient reader of any JSON text, and the printer of the stored form. The
// reader follows the reference implementation. Its leniency never reaches a node, because a node
// carries only the stored form. Spec: protocol/event.md, V11 and V16.

import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { excerpt } from '../base/text.ts'
import { printJson, printString } from '../json/json.ts'
import type { NumberReading } from '../json/number.ts'
import {
  expectEnd,
  openCursor,
  type ParserCursor,
  peek,
  readItems,
  readMembers,
  readValue,
  skipValue,
} from '../json/parser.ts'
import type { Json } from '../json/value.ts'

/** The only schema of events. */
export const EVENT_SCHEMA = 'vela.event.v0.1'
/** The hash of a target that does not exist. */
export const NULL_HASH = 'sha256:null'

/** All fields of an event. */
export interface EventRecord {
  schema: string
  id: string
  kind: string
  target: { type: string; id: string }
  actor: { id: string; type: string }
  timestamp: string
  reason: string
  before_hash: string
  after_hash: string
  payload: Json
  caveats: string[]
  signature: string | undefined
  schema_artifact_id: string | undefined
}

// In the order of the reference, which is also the order in events given as arrays. Fields from
// `payload` on are optional: at the end of an array, and anywhere in an object.
const EVENT_FIELDS = [
  'schema',
  'id',
  'kind',
  'target',
  'actor',
  'timestamp',
  'reason',
  'before_hash',
  'after_hash',
  'payload',
  'caveats',
  'signature',
  'schema_artifact_id',
] as const
const PARTS = new Map([
  ['target', ['type', 'id']],
  ['actor', ['id', 'type']],
])

/**
 * Reads one event. Unknown members are left out and listed in `dropped` as `zzz` or `target.zzz`.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE
 */
export function readRecord(
  text: string | Uint8Array,
  numbers: NumberReading,
): { record: EventRecord; dropped: string[] } {
  const cursor = openCursor(text, numbers)
  const dropped: string[] = []
  const fields = readFields(cursor, { path: '', fields: EVENT_FIELDS, dropped })
  expectEnd(cursor)
  const target = fields.get('target') as Fields | undefined
  const actor = fields.get('actor') as Fields | undefined
  const record: EventRecord = {
    schema: fields.has('schema') ? stringField(fields, 'schema') : EVENT_SCHEMA,
    id: stringField(fields, 'id'),
    kind: stringField(fields, 'kind'),
    target: { type: stringField(target, 'type', 'target.'), id: stringField(target, 'id', 'target.') },
    actor: { id: stringField(actor, 'id', 'actor.'), type: stringField(actor, 'type', 'actor.') },
    timestamp: stringField(fields, 'timestamp'),
    reason: stringField(fields, 'reason'),
    before_hash: stringField(fields, 'before_hash'),
    after_hash: stringField(fields, 'after_hash'),
    payload: fields.get('payload') ?? null,
    caveats: stringList(fields, 'caveats'),
    signature: optionalField(fields, 'signature'),
    schema_artifact_id: optionalField(fields, 'schema_artifact_id'),
  }
  return { record, dropped }
}

/** Values of fields by name. */
export type Fields = Map<string, Json>

/** Which fields an object may have. */
export interface Expected {
  /** Prefix of field names in errors and in `dropped`: empty or for example `target.`. */
  readonly path: string
  readonly fields: readonly string[]
  readonly dropped: string[]
}

/**
 * Reads an object with these fields, or an array with their values in order. Target and actor are
 * returned as Maps.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE
 */
export function readFields(cursor: ParserCursor, expected: Expected): Fields {
  const { path, fields, dropped } = expected
  const values: Fields = new Map()
  const depthMax = NODE_LIMITS.jsonDepthMax - (path === '' ? 1 : 2)
  const readField = (name: string): void => {
    const parts = path === '' ? PARTS.get(name) : undefined
    const value = parts && readFields(cursor, { path: `${name}.`, fields: parts, dropped })
    values.set(name, value ?? readValue(cursor, depthMax))
  }
  const opening = peek(cursor)
  if (opening === '{')
    readMembers(cursor, key => {
      if (values.has(key)) throw shapeError(`${path}${excerpt(key)} is given twice`)
      if (fields.includes(key)) return readField(key)
      skipValue(cursor)
      dropped.push(`${path}${excerpt(key)}`)
    })
  else if (opening === '[')
    readItems(cursor, index => {
      const name = fields[index]
      if (name === undefined)
        throw shapeError(`${path === '' ? 'the event' : path} has more than ${fields.length} items`)
      readField(name)
    })
  else {
    readValue(cursor)
    throw shapeError(path === '' ? 'an event must be an object' : `${path.slice(0, -1)} must be an object`)
  }
  return values
}

/** Returns a string. @throws ReplicaError ERR_EVENT_SHAPE */
export function stringField(fields: Fields | undefined, name: string, path = ''): string {
  const value = fields?.get(name)
  if (typeof value === 'string') return value
  throw shapeError(value === undefined ? `${path}${name} is missing` : `${path}${name} is not a string`)
}

/**
 * Returns a string, or undefined if the field is absent or null.
 * @throws ReplicaError ERR_EVENT_SHAPE
 */
export function optionalField(fields: Fields, name: string): string | undefined {
  return (fields.get(name) ?? null) === null ? undefined : stringField(fields, name)
}

/** Returns a list of strings, empty if the field is absent. @throws ReplicaError ERR_EVENT_SHAPE */
export function stringList(fields: Fields, name: string): string[] {
  const value = fields.get(name)
  if (value === undefined) return []
  if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value as string[]
  throw shapeError(`${name} is not a list of strings`)
}

/** Returns an ERR_EVENT_SHAPE. */
export function shapeError(reason: string): ReplicaError {
  return new ReplicaError('ERR_EVENT_SHAPE', reason)
}

/** Canonical texts of an event. */
export interface EventTexts {
  /** The text that the id is a hash of: all fields except id, signature and schema_artifact_id. */
  readonly content: string
  /** Returns the stored form with this id. */
  stored(id: string): string
}

/**
 * Prints an event.
 * @throws ReplicaError ERR_JSON for lone surrogates and payloads that are too deep
 */
export function eventTexts(record: EventRecord): EventTexts {
  const { actor, target } = record
  const first =
    `{"actor":{"id":${printString(actor.id)},"type":${printString(actor.type)}},"after_hash":${printString(record.after_hash)},` +
    `"before_hash":${printString(record.before_hash)},"caveats":[${record.caveats.map(printString).join(',')}],`
  const middle =
    `"kind":${printString(record.kind)},"payload":${printJson(record.payload)},"reason":${printString(record.reason)},` +
    `"schema":${printString(record.schema)},`
  const last =
    `"target":{"id":${printString(target.id)},"type":${printString(target.type)}},` +
    `"timestamp":${printString(record.timestamp)}}`
  const unsigned = optionalMember('schema_artifact_id', record) + optionalMember('signature', record)
  return {
    content: first + middle + last,
    stored: id => `${first}"id":${printString(id)},${middle}${unsigned}${last}`,
  }
}

function optionalMember(name: 'schema_artifact_id' | 'signature', record: EventRecord): string {
  const value = record[name]
  return value === undefined ? '' : `"${name}":${printString(value)},`
}
