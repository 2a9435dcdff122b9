// Strict, lossless reader of flat JSON records: members of known names and types, each at most
// once. Members that the record does not list are kept as they are and are never signed. Spec:
// protocol/registry-entry.md, E3.

import { isLowerHex } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import { isFrontierId } from '../base/frontier-id.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { excerpt, isBlank } from '../base/text.ts'
import { readInstant } from './instant.ts'
import { printJson } from './json.ts'
import type { NumberReading } from './number.ts'
import { expectEnd, openCursor, type ParserCursor, peek, readMembers, readValue } from './parser.ts'
import type { Json } from './value.ts'

/** How messages call a record, and the code of its errors. */
export interface RecordForm {
  readonly what: string
  readonly code: ErrorCode
}

/**
 * The members of one record, read by name. Each reading method throws the form's code if the member
 * has another type.
 *
 * @example
 * const reader = readRecordText({ what: 'an entry', code: 'ERR_ENTRY' }, text)
 * const owner = reader.hex('owner_pubkey', 32)
 * const unknown = reader.rest()
 */
export class RecordReader {
  readonly #form: RecordForm
  readonly #members: Map<string, Json>
  readonly #taken = new Set<string>()

  constructor(form: RecordForm, members: Map<string, Json>) {
    this.#form = form
    this.#members = members
  }

  /** Returns an error with the code of the form. */
  refuse(reason: string): ReplicaError {
    return new ReplicaError(this.#form.code, `${this.#form.what}: ${reason}`)
  }

  /** Returns the member, undefined if it is absent. */
  value(name: string): Json | undefined {
    this.#taken.add(name)
    return this.#members.get(name)
  }

  /** Returns a string. */
  string(name: string): string {
    const value = this.value(name)
    if (typeof value === 'string') return value
    throw this.refuse(value === undefined ? `${name} is missing` : `${name} is not a string`)
  }

  /** Returns a string that is not blank. */
  words(name: string): string {
    return this.#where(this.string(name), text => !isBlank(text), `${name} is blank`)
  }

  /** Returns undefined if the member is absent or null. */
  optional(name: string): string | undefined {
    return (this.value(name) ?? null) === null ? undefined : this.string(name)
  }

  /** Returns a list of strings, empty if the member is absent. */
  strings(name: string): string[] {
    const value = this.value(name) ?? []
    if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value as string[]
    throw this.refuse(`${name} is not a list of strings`)
  }

  /**
   * Checks that `schema` is `expected`. An optional member may be absent, not null. Returns
   * `expected`.
   */
  schema(expected: string, options: { required: boolean }): string {
    const found = options.required || this.value('schema') !== undefined ? this.string('schema') : expected
    return this.#where(found, text => text === expected, `schema is not ${expected}`)
  }

  /** Returns lower-case hex of exactly `bytes` bytes. */
  hex(name: string, bytes: number): string {
    return this.#where(
      this.string(name),
      text => isLowerHex(text, bytes),
      `${name} is not ${bytes * 2} lower-case hex digits`,
    )
  }

  /** Returns an RFC 3339 time as text, because it is signed as text. */
  instant(name: string): string {
    return this.#where(
      this.string(name),
      text => readInstant(text) !== undefined,
      `${name} is not an RFC 3339 date and time`,
    )
  }

  /** Returns a frontier id. */
  frontier(name: string): string {
    return this.#where(this.string(name), isFrontierId, `${name} is not a frontier name`)
  }

  /** Returns the members that no method read. */
  rest(): Map<string, Json> {
    return new Map([...this.#members].filter(([name]) => !this.#taken.has(name)))
  }

  #where(text: string, holds: (text: string) => boolean, reason: string): string {
    if (holds(text)) return text
    throw this.refuse(reason)
  }
}

/**
 * Reads a text that is one record.
 * @throws ReplicaError ERR_JSON; the form's code unless the text is an object with each member once
 */
export function readRecordText(
  form: RecordForm,
  text: string | Uint8Array,
  numbers: NumberReading = 'exact',
): RecordReader {
  const cursor = openCursor(text, numbers)
  const reader = readRecordAt(form, cursor)
  expectEnd(cursor)
  return reader
}

/** Reads the record at the cursor, as part of a list. @throws as `readRecordText` does */
export function readRecordAt(
  form: RecordForm,
  cursor: ParserCursor,
  depthMax: number = NODE_LIMITS.jsonDepthMax,
): RecordReader {
  const members = new Map<string, Json>()
  const reader = new RecordReader(form, members)
  if (peek(cursor) !== '{') {
    readValue(cursor, depthMax)
    throw reader.refuse('it is not an object')
  }
  let twice: string | undefined
  readMembers(cursor, name => {
    if (members.has(name)) twice ??= name
    members.set(name, readValue(cursor, depthMax - 1))
  })
  if (twice !== undefined) throw reader.refuse(`${excerpt(twice)} is given twice`)
  return reader
}

/** Returns the canonical text of `rest` and of the members that are not undefined. */
export function printRecord(
  members: Readonly<Record<string, Json | undefined>>,
  rest: ReadonlyMap<string, Json>,
): string {
  const object = new Map<string, Json>(rest)
  for (const [name, value] of Object.entries(members)) if (value !== undefined) object.set(name, value)
  return printJson(object)
}
