// Lossless JSON parser: numbers keep their canonical spelling, objects are Maps, strings are
// well-formed Unicode. It accepts what the reference implementation accepts, is not recursive, and
// limits the depth. It consists of functions over a cursor, so that a caller can read the members
// of an object one by one. Spec: protocol/event.md, V1 to V3 and V16.

import * as buffer from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import type { NumberReading } from './number.ts'
import type { Json } from './value.ts'
import { isUnicode, JsonNumber } from './value.ts'

/** A position in a JSON text. */
export interface ParserCursor {
  readonly text: string
  /** Offset of the next character, in UTF-16 units. */
  at: number
  readonly numbers: NumberReading
}

/**
 * Returns a cursor at the start of `text`.
 * @throws ReplicaError ERR_JSON unless `text` is well-formed Unicode
 */
export function openCursor(text: string | Uint8Array, numbers: NumberReading): ParserCursor {
  return { text: decode(text), at: 0, numbers }
}

function decode(text: string | Uint8Array): string {
  if (typeof text === 'string') {
    if (!isUnicode(text)) throw new ReplicaError('ERR_JSON', 'lone surrogate in the text')
    return text
  }
  if (!buffer.isUtf8(text)) throw new ReplicaError('ERR_JSON', 'the text is not UTF-8')
  return asBuffer(text).toString('utf8')
}

function fail(cursor: ParserCursor, reason: string): never {
  throw new ReplicaError('ERR_JSON', `${reason} at character ${cursor.at}`, { facts: { offset: cursor.at } })
}

/**
 * Returns the next character after white space without consuming it; the empty string at the end.
 */
export function peek(cursor: ParserCursor): string {
  const { text } = cursor
  let at = cursor.at
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) break
  }
  cursor.at = at
  return text.charAt(at)
}

/** Consumes white space and this character. @throws ReplicaError ERR_JSON */
function expect(cursor: ParserCursor, character: string): void {
  if (peek(cursor) !== character) fail(cursor, `"${character}" expected`)
  cursor.at += 1
}

/** Checks that only white space is left. @throws ReplicaError ERR_JSON */
export function expectEnd(cursor: ParserCursor): void {
  if (peek(cursor) !== '') fail(cursor, 'text after the value')
}

/** An open array or object, with the key that its next value belongs to. */
interface Frame {
  readonly container: Json[] | Map<string, Json>
  key: string
}

/**
 * Consumes and returns one value with at most `depthMax` nested arrays and objects. A repeated key
 * keeps its last value.
 * @throws ReplicaError ERR_JSON
 */
export function readValue(cursor: ParserCursor, depthMax: number = NODE_LIMITS.jsonDepthMax): Json {
  const open: Frame[] = []
  for (;;) {
    const frame = openContainer(cursor)
    if (frame !== undefined && open.length >= depthMax) fail(cursor, `more than ${depthMax} levels deep`)
    if (frame !== undefined && !closes(cursor, frame)) {
      open.push(frame)
      if (frame.container instanceof Map) frame.key = readKey(cursor)
      continue
    }
    let value = frame === undefined ? readScalar(cursor) : frame.container
    for (;;) {
      const top = open.at(-1)
      if (top === undefined) return value
      if (top.container instanceof Map) top.container.set(top.key, value)
      else top.container.push(value)
      if (closes(cursor, top)) {
        value = top.container
        open.pop()
        continue
      }
      expect(cursor, ',')
      if (top.container instanceof Map) top.key = readKey(cursor)
      break
    }
  }
}

function openContainer(cursor: ParserCursor): Frame | undefined {
  const character = peek(cursor)
  if (character !== '{' && character !== '[') return undefined
  cursor.at += 1
  return { container: character === '{' ? new Map() : [], key: '' }
}

function closes(cursor: ParserCursor, frame: Frame): boolean {
  const closer = frame.container instanceof Map ? '}' : ']'
  if (peek(cursor) !== closer) return false
  cursor.at += 1
  return true
}

function readKey(cursor: ParserCursor): string {
  if (peek(cursor) !== '"') fail(cursor, 'expected a key')
  const key = readString(cursor)
  expect(cursor, ':')
  return key
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y

function readScalar(cursor: ParserCursor): Json {
  switch (cursor.text.charAt(cursor.at)) {
    case '"':
      return readString(cursor)
    case 't':
      takeLiteral(cursor, 'true')
      return true
    case 'f':
      takeLiteral(cursor, 'false')
      return false
    case 'n':
      takeLiteral(cursor, 'null')
      return null
  }
  return JsonNumber.read(takeNumber(cursor), cursor.numbers)
}

/**
 * Consumes a number of any size and returns its token. Callers try all other kinds of values first.
 */
function takeNumber(cursor: ParserCursor): string {
  const { text, at } = cursor
  NUMBER.lastIndex = at
  const token = NUMBER.exec(text)?.[0]
  if (token === undefined) fail(cursor, at < text.length ? 'expected a value' : 'expected a value, but the text ends')
  cursor.at += token.length
  return token
}

function takeLiteral(cursor: ParserCursor, literal: 'true' | 'false' | 'null'): void {
  if (!cursor.text.startsWith(literal, cursor.at)) fail(cursor, 'expected a value')
  cursor.at += literal.length
}

function readString(cursor: ParserCursor): string {
  const { text } = cursor
  const start = cursor.at
  let escaped = false
  let at = start + 1
  for (; ; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) break
    if (unit === 0x5c) {
      escaped = true
      at += 1
    } else if (!(unit >= 0x20)) {
      cursor.at = at
      fail(cursor, at < text.length ? 'a control character in a string' : 'an unterminated string')
    }
  }
  cursor.at = at + 1
  return escaped ? unescapeString(cursor, text.slice(start, at + 1)) : text.slice(start + 1, at)
}

/** JSON.parse reads the escapes but accepts lone surrogates. */
function unescapeString(cursor: ParserCursor, literal: string): string {
  let value: string
  try {
    value = JSON.parse(literal)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return fail(cursor, 'a bad escape in a string that ends')
  }
  if (!isUnicode(value)) fail(cursor, 'a lone surrogate in a string that ends')
  return value
}

/**
 * Reads the object at the cursor. Calls `onMember` with each key; the callback consumes the value.
 * Repeated keys are reported each time.
 * @throws ReplicaError ERR_JSON
 */
export function readMembers(cursor: ParserCursor, onMember: (key: string) => void): void {
  expect(cursor, '{')
  if (peek(cursor) !== '}') {
    onMember(readKey(cursor))
    while (peek(cursor) === ',') {
      cursor.at += 1
      onMember(readKey(cursor))
    }
  }
  expect(cursor, '}')
}

/**
 * Reads the array at the cursor. Calls `onItem` with each index; the callback consumes the item.
 * @throws ReplicaError ERR_JSON
 */
export function readItems(cursor: ParserCursor, onItem: (index: number) => void): void {
  expect(cursor, '[')
  if (peek(cursor) !== ']') {
    onItem(0)
    for (let index = 1; peek(cursor) === ','; index++) {
      cursor.at += 1
      onItem(index)
    }
  }
  expect(cursor, ']')
}

const OBJECT = 1
const ARRAY = 2

/**
 * Consumes one value that nobody uses, such as an unknown member of an event. As in the reference,
 * only the syntax is checked: the value may be deeper than `readValue` allows, a number beyond any
 * double, an escape half of a surrogate pair.
 * @throws ReplicaError ERR_JSON
 */
export function skipValue(cursor: ParserCursor): void {
  const open = new Levels()
  for (;;) {
    const opening = peek(cursor)
    if (opening === '{' || opening === '[') {
      cursor.at += 1
      open.push(opening === '{' ? OBJECT : ARRAY)
      if (!closesKind(cursor, open.top)) {
        if (open.top === OBJECT) skipKey(cursor)
        continue
      }
      open.pop()
    } else skipScalar(cursor, opening)
    while (open.top !== 0 && closesKind(cursor, open.top)) open.pop()
    if (open.top === 0) return
    expect(cursor, ',')
    if (open.top === OBJECT) skipKey(cursor)
  }
}

/** A stack of open brackets, one byte each: an array of strings would take eight times the text. */
class Levels {
  #kinds = new Uint8Array(64)
  #depth = 0

  /** OBJECT, ARRAY, or 0 if nothing is open. */
  get top(): number {
    return this.#depth === 0 ? 0 : this.#kinds[this.#depth - 1]!
  }

  push(kind: number): void {
    if (this.#depth === this.#kinds.length) {
      const larger = new Uint8Array(this.#depth * 2)
      larger.set(this.#kinds)
      this.#kinds = larger
    }
    this.#kinds[this.#depth++] = kind
  }

  pop(): void {
    this.#depth -= 1
  }
}

function closesKind(cursor: ParserCursor, kind: number): boolean {
  if (peek(cursor) !== (kind === OBJECT ? '}' : ']')) return false
  cursor.at += 1
  return true
}

function skipKey(cursor: ParserCursor): void {
  if (peek(cursor) !== '"') fail(cursor, 'expected a key')
  skipString(cursor)
  expect(cursor, ':')
}

function skipScalar(cursor: ParserCursor, first: string): void {
  if (first === '"') skipString(cursor)
  else if (first === 't') takeLiteral(cursor, 'true')
  else if (first === 'f') takeLiteral(cursor, 'false')
  else if (first === 'n') takeLiteral(cursor, 'null')
  else takeNumber(cursor)
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

function skipString(cursor: ParserCursor): void {
  const { text } = cursor
  cursor.at += 1
  for (;;) {
    const unit = text.charCodeAt(cursor.at)
    if (unit === 0x22) break
    if (unit === 0x5c) {
      ESCAPE.lastIndex = cursor.at
      if (!ESCAPE.test(text)) fail(cursor, 'a bad escape in a string')
      cursor.at = ESCAPE.lastIndex
    } else if (unit >= 0x20) cursor.at += 1
    else fail(cursor, cursor.at < text.length ? 'a control character in a string' : 'an unterminated string')
  }
  cursor.at += 1
}
