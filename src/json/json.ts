// JSON without loss: text comes in by parseJson and goes out by printJson, which prints canonically (protocol/event.md,
// V1–V10); plain JavaScript values are turned by toJson and fromJson. Depth is bounded everywhere, so the recursion
// below is bounded too.

import * as buffer from 'node:buffer'
import { utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { compareText } from '../base/text.ts'
import { valueEnd } from './canonical-scanner.ts'
import type { NumberReading } from './number.ts'
import { expectEnd, openCursor, readValue } from './parser.ts'
import type { Json } from './value.ts'
import { isUnicode, JsonNumber } from './value.ts'

export interface ParseOptions {
  /**
   * `reference` (the default) reads floats as the reference implementation reads a file; `exact` rounds correctly and is
   * the reading for text that is canonical already, such as a stored event.
   */
  readonly numbers?: NumberReading
}

/** @throws ReplicaError ERR_JSON */
export function parseJson(text: string | Uint8Array, options: ParseOptions = {}): Json {
  const cursor = openCursor(text, options.numbers ?? 'reference')
  const value = readValue(cursor)
  expectEnd(cursor)
  return value
}

/** Canonical JSON. @throws ReplicaError ERR_JSON for more than 127 levels or a lone surrogate. */
export function printJson(value: Json): string {
  return print(value, 0)
}

function print(value: Json, depth: number): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return printString(value)
  if (value instanceof JsonNumber) return value.text
  checkDepth(depth)
  if (Array.isArray(value)) return `[${value.map(item => print(item, depth + 1)).join(',')}]`
  const keys = [...value.keys()].sort(compareText)
  return `{${keys.map(key => `${printString(key)}:${print(value.get(key)!, depth + 1)}`).join(',')}}`
}

/** JSON.stringify escapes exactly what canonical JSON escapes, but would escape lone surrogates too. */
export function printString(text: string): string {
  return JSON.stringify(wellFormed(text))
}

/**
 * A plain JavaScript value as a lossless one: whole numbers that fit 64 bits and bigints become integers, other numbers
 * floats; lossless values inside stay as they are; undefined members are left out.
 * @throws ReplicaError ERR_JSON for NaN, infinities, lone surrogates and more than 127 levels (so also for circles).
 */
export function toJson(value: unknown): Json {
  return lossless(value, 0)
}

function lossless(value: unknown, depth: number): Json {
  if (value === null || typeof value === 'boolean' || value instanceof JsonNumber) return value
  if (typeof value === 'string') return wellFormed(value)
  if (typeof value === 'bigint') return JsonNumber.integer(value)
  if (typeof value === 'number') return isWhole(value) ? JsonNumber.integer(value) : JsonNumber.float(value)
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} has no JSON form`)
  checkDepth(depth)
  if (Array.isArray(value)) return Array.from(value, item => lossless(item, depth + 1))
  const members = value instanceof Map ? [...value] : Object.entries(plainObject(value))
  const object = new Map<string, Json>()
  for (const [key, member] of members)
    if (member !== undefined) object.set(wellFormed(key), lossless(member, depth + 1))
  return object
}

/** A Date or a Buffer would turn into something that nobody meant. */
function plainObject(value: object): object {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return value
  throw new TypeError(`a ${prototype.constructor?.name ?? 'class'} value has no JSON form`)
}

function wellFormed(text: string): string {
  if (!isUnicode(text)) throw new ReplicaError('ERR_JSON', 'lone surrogate in a string')
  return text
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) && !Object.is(value, -0) && value >= -(2 ** 63) && value < 2 ** 64
}

/** Plain JavaScript for views: floats and integers alike become numbers, integers beyond 2^53 bigints. */
export function fromJson(value: Json): unknown {
  return plain(value, 0)
}

function plain(value: Json, depth: number): unknown {
  if (value instanceof JsonNumber) {
    const number = value.toNumber()
    return value.isInteger && !Number.isSafeInteger(number) ? value.toBigInt() : number
  }
  if (value === null || typeof value !== 'object') return value
  checkDepth(depth)
  if (Array.isArray(value)) return value.map(item => plain(item, depth + 1))
  // fromEntries defines members, so that a key __proto__ is a member like any other.
  return Object.fromEntries(Array.from(value, ([key, member]) => [key, plain(member, depth + 1)]))
}

function checkDepth(depth: number): void {
  const { jsonDepthMax } = NODE_LIMITS
  if (depth >= jsonDepthMax) throw new ReplicaError('ERR_JSON', `more than ${jsonDepthMax} levels deep`)
}

/**
 * The canonical form of a JSON text. With the default reading of numbers the result is byte for byte that of the
 * reference implementation, whose reader moves some long floats: a second pass may move them again. With `{ numbers:
 * 'exact' }` a canonical text is its own canonical form.
 * @throws ReplicaError ERR_JSON when the text is no JSON, or deeper than 127 levels.
 */
export function canonicalize(text: string | Uint8Array, options: ParseOptions = {}): string {
  return printJson(parseJson(text, options))
}

/** True when the text is canonical JSON: one pass, no recursion, of bytes no copies. */
export function isCanonical(text: string | Uint8Array): boolean {
  // Bytes of a lone surrogate would be those of U+FFFD.
  if (typeof text === 'string') return isUnicode(text) && isCanonical(utf8(text))
  return buffer.isUtf8(text) && valueEnd(text, 0) === text.length
}
