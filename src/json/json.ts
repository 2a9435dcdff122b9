// Lossless JSON: `parseJson` reads text, `printJson` prints canonical text, `toJson` and `fromJson`
// convert plain JavaScript values. Canonical JSON has one text per value; ids, hashes and
// signatures are made over it. Depth is limited everywhere, so the recursion below is limited too.
// Spec: protocol/event.md, V1 to V10.

import * as buffer from 'node:buffer'
import { utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { compareText, excerpt } from '../base/text.ts'
import { valueEnd } from './canonical-scanner.ts'
import type { NumberReading } from './number.ts'
import { expectEnd, openCursor, readValue } from './parser.ts'
import type { Json } from './value.ts'
import { isUnicode, JsonNumber } from './value.ts'

/** Levels of a place that an error names. */
const PLACE_LEVELS = 8

/** How JSON text is read. */
export interface ParseOptions {
  /**
   * `reference` (default): reads floats as the reference implementation reads a file. `exact`:
   * rounds correctly; use it for text that is canonical already, such as a stored event.
   */
  readonly numbers?: NumberReading
}

/** Returns the value of a JSON text. @throws ReplicaError ERR_JSON */
export function parseJson(text: string | Uint8Array, options: ParseOptions = {}): Json {
  const cursor = openCursor(text, options.numbers ?? 'reference')
  const value = readValue(cursor)
  expectEnd(cursor)
  return value
}

/**
 * Returns canonical JSON.
 * @throws ReplicaError ERR_JSON for more than 127 levels or a lone surrogate
 */
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

/**
 * Returns the canonical JSON of a string. JSON.stringify escapes the same characters, and lone
 * surrogates as well.
 * @throws ReplicaError ERR_JSON for a lone surrogate
 */
export function printString(text: string): string {
  return JSON.stringify(wellFormed(text))
}

/**
 * Converts a plain JavaScript value. Bigints and whole numbers that fit 64 bits become integers,
 * other numbers floats. Lossless values inside stay as they are; undefined members are left out.
 * @throws ReplicaError ERR_JSON for NaN, infinities, lone surrogates and more than 127 levels (also
 * for cycles)
 * @throws TypeError for functions, symbols, undefined and instances of classes. Both errors name
 *   the place, such as `payload.doses[2]`
 */
export function toJson(value: unknown): Json {
  const path: (string | number)[] = []
  try {
    return lossless(value, path)
  } catch (error) {
    if (path.length === 0) throw error
    const message = `${(error as Error).message}, at ${placeOf(path)}`
    if (error instanceof ReplicaError) throw new ReplicaError(error.code, message, { facts: error.facts, cause: error })
    throw error instanceof TypeError ? new TypeError(message, { cause: error }) : error
  }
}

/** Returns a place as in JavaScript, with the last of many levels. */
function placeOf(path: readonly (string | number)[]): string {
  const shown = path.slice(-PLACE_LEVELS).map(step => (typeof step === 'number' ? `[${step}]` : `.${excerpt(step)}`))
  return `${path.length > PLACE_LEVELS ? '…' : ''}${shown.join('')}`.replace(/^\./, '')
}

/** `path`: the members and indices down to the value; where an error is thrown it stays. */
function lossless(value: unknown, path: (string | number)[]): Json {
  if (value === null || typeof value === 'boolean' || value instanceof JsonNumber) return value
  if (typeof value === 'string') return wellFormed(value)
  if (typeof value === 'bigint') return JsonNumber.integer(value)
  if (typeof value === 'number') return isWhole(value) ? JsonNumber.integer(value) : JsonNumber.float(value)
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} has no JSON form`)
  checkDepth(path.length)
  if (Array.isArray(value)) return Array.from(value, (item, index) => losslessAt(path, index, item))
  const members = value instanceof Map ? [...value] : Object.entries(plainObject(value))
  const object = new Map<string, Json>()
  for (const [key, member] of members) {
    if (typeof key !== 'string') throw new TypeError(`a Map key of type ${typeof key} has no JSON form`)
    if (member !== undefined) object.set(wellFormed(key), losslessAt(path, key, member))
  }
  return object
}

function losslessAt(path: (string | number)[], step: string | number, item: unknown): Json {
  path.push(step)
  const converted = lossless(item, path)
  path.pop()
  return converted
}

/** Refuses instances of classes: the members of a Date or a Buffer are not its value. */
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

/**
 * Converts to plain JavaScript for display. Floats and integers become numbers, integers beyond
 * 2^53 bigints.
 */
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
  // fromEntries defines own members, so a key __proto__ is an ordinary member.
  return Object.fromEntries(Array.from(value, ([key, member]) => [key, plain(member, depth + 1)]))
}

function checkDepth(depth: number): void {
  const { jsonDepthMax } = NODE_LIMITS
  if (depth >= jsonDepthMax) throw new ReplicaError('ERR_JSON', `more than ${jsonDepthMax} levels deep`)
}

/**
 * Returns the canonical form of a JSON text. By default, the result is byte for byte that of the
 * reference implementation, whose reader changes some long floats; a second call may change them
 * again. With `{ numbers: 'exact' }` a canonical text is its own canonical form.
 * @throws ReplicaError ERR_JSON unless the text is JSON of at most 127 levels
 */
export function canonicalize(text: string | Uint8Array, options: ParseOptions = {}): string {
  return printJson(parseJson(text, options))
}

/** Returns whether the text is canonical JSON. One pass without recursion; bytes are not copied. */
export function isCanonical(text: string | Uint8Array): boolean {
  // A lone surrogate would become U+FFFD in UTF-8.
  if (typeof text === 'string') return isUnicode(text) && isCanonical(utf8(text))
  return buffer.isUtf8(text) && valueEnd(text, 0) === text.length
}
