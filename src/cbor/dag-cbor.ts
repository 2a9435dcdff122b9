// DAG-CBOR for messages and records: null, booleans, integers in the safe range, text, bytes, arrays, maps. Decoding is
// written here because the library alone lets other spellings of the same value pass (unsorted keys, short floats,
// broken UTF-8) and overflows the stack on nested arrays: one value, one spelling, or ERR_CBOR. Byte strings come out as
// views into the input. Encoding is the library's. The only file that imports @ipld/dag-cbor. Spec: protocol/node.md.

import * as dagCbor from '@ipld/dag-cbor'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { MAJOR, Reader } from './cbor-reader.ts'
import { CODEC_BYTE } from './cid.ts'

/** What a message may hold. Maps read from bytes inherit nothing, so no key of theirs means anything to JavaScript. */
export type CborValue = null | boolean | number | string | Uint8Array | CborValue[] | { [key: string]: CborValue }

interface Walk {
  readonly reader: Reader
  readonly depthMax: number
  readonly links: boolean
  /** Items that may still come: a bound on what a short input can make us allocate. */
  itemsLeft: number
}

/** Where a key lies. */
interface Span {
  readonly at: number
  readonly length: number
}

/**
 * Maps that inherit nothing: their prototype is empty and has none itself. An object without any prototype would do the
 * same, but is a hash table to the engine, at five times the cost.
 */
class Bare {
  [key: string]: CborValue
}
Reflect.deleteProperty(Bare.prototype, 'constructor')
Object.freeze(Object.setPrototypeOf(Bare.prototype, null))

/**
 * The one encoding of `value`: keys sorted length-first, shortest heads.
 * @throws ReplicaError ERR_CBOR when a text or key is one that decoding would refuse.
 * @throws TypeError for what no message holds: floats, undefined, class instances, more depth than decoding admits.
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
      // By index: a hole counts as undefined.
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
 * Decodes exactly one item that fills `bytes`. Views into `bytes`, no copies.
 * @throws ReplicaError ERR_CBOR for anything but the one strict encoding of a value; links are refused too.
 */
export function decodeCbor(bytes: Uint8Array, options: { depthMax?: number } = {}): CborValue {
  return decode(bytes, { depthMax: options.depthMax ?? NODE_LIMITS.cborDepthMax, links: false })
}

/** Throws unless `bytes` are strict DAG-CBOR, links included. @throws ReplicaError ERR_CBOR */
export function checkCbor(bytes: Uint8Array): void {
  decode(bytes, { depthMax: NODE_LIMITS.cborDepthMax, links: true })
}

function decode(bytes: Uint8Array, options: { depthMax: number; links: boolean }): CborValue {
  const reader = new Reader(bytes)
  const value = readItem({ reader, ...options, itemsLeft: NODE_LIMITS.cborItemsMax }, 0)
  reader.end()
  return value
}

/** Recursion goes no deeper than `depthMax`: `enter` sees to it before each step down. */
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

/** An item is at least one byte: a count beyond the bytes left is refused before anything is made for it. */
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

/** A link inside a node (tag 42 over 0x00 and the 36 bytes of a CID); its value is the CID's bytes. */
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

/** Strictly ascending, shorter keys first, then by bytes. */
function ascends(bytes: Uint8Array, a: Span, b: Span): boolean {
  if (a.length !== b.length) return a.length < b.length
  for (let i = 0; i < a.length; i += 1) {
    const difference = bytes[a.at + i]! - bytes[b.at + i]!
    if (difference !== 0) return difference < 0
  }
  return false
}

/**
 * `/` belongs to DAG-JSON, and the library takes a map with "/" and "bytes" for a link. A key of digits would be an
 * array index to JavaScript: an object with the one key "1023" takes 12 kB.
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
