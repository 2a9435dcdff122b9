// Strict DAG-CBOR for messages and records: null, booleans, safe integers, text, bytes, arrays,
// maps. Each value has one encoding; any other is ERR_CBOR. The decoder is written here, because
// the library accepts other encodings of a value (unsorted keys, short floats, invalid UTF-8) and
// overflows the stack on nested arrays. Byte strings are views into the input. The library encodes.
// The only file that imports @ipld/dag-cbor. Spec: protocol/node.md.

import * as dagCbor from '@ipld/dag-cbor'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { MAJOR, Reader } from './cbor-reader.ts'
import { CODEC_BYTE } from './cid.ts'

/**
 * A value in a message. Decoded maps have no inherited members, so no key has a meaning for
 * JavaScript.
 */
export type CborValue = null | boolean | number | string | Uint8Array | CborValue[] | { [key: string]: CborValue }

interface Walk {
  readonly reader: Reader
  readonly depthMax: number
  readonly links: boolean
  /** Items that may still follow. Limits the memory that a short input can allocate. */
  itemsLeft: number
}

/** Position of a key. */
interface Span {
  readonly at: number
  readonly length: number
}

/**
 * A map without inherited members: its prototype is empty and has no prototype. An object without a
 * prototype has the same effect, but the engine stores it as a hash table, at five times the cost.
 */
class Bare {
  [key: string]: CborValue
}
Reflect.deleteProperty(Bare.prototype, 'constructor')
Object.freeze(Object.setPrototypeOf(Bare.prototype, null))

/**
 * Returns the encoding of `value`: keys sorted by length, then by bytes; shortest heads.
 * @throws ReplicaError ERR_CBOR for a text or key that `decodeCbor` refuses
 * @throws TypeError for floats, undefined, class instances, and more levels or items than
 * `decodeCbor` accepts
 */
export function encodeCbor(value: CborValue): Uint8Array {
  let items = 0
  const check = (value: unknown, depth: number): void => {
    items += 1
    if (typeof value === 'string') checkText(value)
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new TypeError(`${value} is not a safe integer`)
    if (isPlain(value)) return
    if (depth === NODE_LIMITS.cborDepthMax) throw new TypeError(`nested deeper than ${depth} levels`)
    if (Array.isArray(value)) {
      // By index, so that a hole counts as undefined.
      for (let i = 0; i < value.length; i += 1) check(value[i], depth + 1)
      return
    }
    for (const [key, member] of Object.entries(wantMap(value))) {
      checkKey(key)
      items += 1
      check(member, depth + 1)
    }
  }
  check(value, 0)
  if (items > NODE_LIMITS.cborItemsMax) throw new TypeError(`more than ${NODE_LIMITS.cborItemsMax} items`)
  return dagCbor.encode(value)
}

/**
 * Decodes the one item that fills `bytes`. Byte strings are views into `bytes`.
 * @throws ReplicaError ERR_CBOR for any other than the strict encoding of a value, and for links
 */
export function decodeCbor(bytes: Uint8Array, options: { depthMax?: number } = {}): CborValue {
  return decode(bytes, { depthMax: options.depthMax ?? NODE_LIMITS.cborDepthMax, links: false })
}

/** Checks that `bytes` are strict DAG-CBOR, links allowed. @throws ReplicaError ERR_CBOR */
export function checkCbor(bytes: Uint8Array): void {
  decode(bytes, { depthMax: NODE_LIMITS.cborDepthMax, links: true })
}

/**
 * Checks that `bytes` begins with one strict item; other bytes may follow it. Links are allowed.
 * @throws ReplicaError ERR_CBOR
 */
export function checkCborStart(bytes: Uint8Array): void {
  const options = { depthMax: NODE_LIMITS.cborDepthMax, links: true }
  readItem({ reader: new Reader(bytes), ...options, itemsLeft: NODE_LIMITS.cborItemsMax }, 0)
}

function decode(bytes: Uint8Array, options: { depthMax: number; links: boolean }): CborValue {
  const reader = new Reader(bytes)
  const value = readItem({ reader, ...options, itemsLeft: NODE_LIMITS.cborItemsMax }, 0)
  reader.end()
  return value
}

/** The recursion has at most `depthMax` levels: `enter` checks before each step down. */
function readItem(walk: Walk, depth: number): CborValue {
  const { reader } = walk
  if (walk.itemsLeft < 1) reader.fail(`more than ${NODE_LIMITS.cborItemsMax} items`)
  walk.itemsLeft -= 1
  const argument = reader.head()
  switch (reader.major) {
    case MAJOR.uint:
      return argument
    case MAJOR.negative:
      if (argument === Number.MAX_SAFE_INTEGER) reader.fail('a number beyond -(2^53-1)')
      return -1 - argument
    case MAJOR.bytes:
      return reader.take(argument)
    case MAJOR.text:
      return reader.text(argument)
    case MAJOR.array:
      enter(walk, argument, depth)
      return readArray(walk, argument, depth + 1)
    case MAJOR.map:
      enter(walk, argument * 2, depth)
      return readMap(walk, argument, depth + 1)
    case MAJOR.tag:
      return readLink(walk, argument)
    default:
      return readSimple(reader, argument)
  }
}

/**
 * Refuses a count of items beyond the bytes left, before memory is allocated: an item has at least
 * one byte.
 */
function enter({ reader, depthMax }: Walk, items: number, depth: number): void {
  if (items > reader.bytes.length - reader.at) reader.fail('more members than bytes left')
  if (depth >= depthMax) reader.fail(`nested deeper than ${depthMax} levels`)
}

function readArray(walk: Walk, length: number, depth: number): CborValue[] {
  const array: CborValue[] = []
  for (let i = 0; i < length; i += 1) array.push(readItem(walk, depth))
  return array
}

function readMap(walk: Walk, length: number, depth: number): { [key: string]: CborValue } {
  const { reader } = walk
  const map = new Bare()
  let last: Span = { at: 0, length: 0 }
  for (let i = 0; i < length; i += 1) {
    const size = reader.head()
    if (reader.major !== MAJOR.text) reader.fail('a key that is not text')
    const key = { at: reader.at, length: size }
    const name = reader.text(size)
    if (i > 0 && !ascends(reader.bytes, last, key)) reader.fail('keys repeated or not in length-first order')
    if (isReserved(name)) reader.fail('a reserved key: "/", or one that begins with a digit')
    walk.itemsLeft -= 1
    map[name] = readItem(walk, depth)
    last = key
  }
  return map
}

/**
 * Reads a link inside a node (tag 42 over 0x00 and the 36 bytes of a CID). Returns the bytes of the
 * CID.
 */
function readLink({ reader, links }: Walk, tag: number): Uint8Array {
  if (tag !== 42) reader.fail('a tag other than 42')
  if (!links) reader.fail('a link where bytes are expected')
  const length = reader.head()
  if (reader.major !== MAJOR.bytes) reader.fail('tag 42 over something other than bytes')
  const cid = reader.take(length)
  const codecKnown = cid[2] === CODEC_BYTE['dag-cbor'] || cid[2] === CODEC_BYTE.raw
  if (length !== 37 || cid[0] !== 0 || cid[1] !== 1 || !codecKnown || cid[3] !== 0x12 || cid[4] !== 32) {
    reader.fail('a link that is not CID version 1, dag-cbor or raw, sha2-256')
  }
  return cid.subarray(1)
}

function readSimple(reader: Reader, value: number): null | boolean {
  if (value === 22) return null
  if (value !== 20 && value !== 21) reader.fail('a simple value other than false, true and null')
  return value === 21
}

/** Returns whether key `a` is before key `b`: shorter keys first, then by bytes. */
function ascends(bytes: Uint8Array, a: Span, b: Span): boolean {
  if (a.length !== b.length) return a.length < b.length
  for (let i = 0; i < a.length; i += 1) {
    const difference = bytes[a.at + i]! - bytes[b.at + i]!
    if (difference !== 0) return difference < 0
  }
  return false
}

/**
 * Returns whether a key is reserved. `/` belongs to DAG-JSON, and the library reads a map with "/"
 * and "bytes" as a link. A key of digits is an array index for JavaScript: an object with the
 * single key "1023" takes 12 kB.
 */
function isReserved(key: string): boolean {
  const first = key.charCodeAt(0)
  return (first >= 0x30 && first <= 0x39) || key === '/'
}

function checkKey(key: string): void {
  checkText(key)
  if (isReserved(key)) throw new ReplicaError('ERR_CBOR', 'a map key that is reserved')
}

function checkText(text: string): void {
  if (/^\ufeff|\p{Surrogate}/u.test(text)) {
    throw new ReplicaError('ERR_CBOR', 'text with an unpaired surrogate, or that begins with U+FEFF')
  }
}

function isPlain(value: unknown): boolean {
  if (value === null || value instanceof Uint8Array) return true
  return typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string'
}

function wantMap(value: unknown): object {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${typeof value} is not allowed in a message`)
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Bare.prototype && prototype !== null)
    throw new TypeError('a class instance in a message')
  return value
}
