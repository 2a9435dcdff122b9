// Finds where canonical JSON tokens and values end. One pass over the bytes; nothing is decoded or
// built. Used by the admission of events (event/event-scanner.ts) and by isCanonical. The caller
// checks that the bytes are UTF-8, because one call of isUtf8 over the whole text is faster than a
// loop here. Spec: protocol/event.md, V10.

import { NODE_LIMITS } from '../base/limits.ts'
import { isCanonicalNumber } from './number.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const DEPTH_MAX = NODE_LIMITS.jsonDepthMax

// Scratch memory, one slot per level: whether it is an object, and the offsets of its last key. A
// scan is synchronous and writes each slot before it reads it, so all scans share the memory.
const isObject = new Uint8Array(DEPTH_MAX)
const keyStart = new Uint32Array(DEPTH_MAX)
const keyEnd = new Uint32Array(DEPTH_MAX)

/**
 * Returns the end of the canonical value at `at` with at most `depthMax` levels; −1 if there is
 * none.
 */
export function valueEnd(bytes: Uint8Array, at: number, depthMax: number = DEPTH_MAX): number {
  let depth = 0
  let i = at
  for (;;) {
    const first = bytes[i]
    if (first === 0x7b || first === 0x5b) {
      if (depth >= depthMax) return -1
      isObject[depth] = first === 0x7b ? 1 : 0
      keyStart[depth] = 0
      keyEnd[depth] = 0
      i += 1
      // The code of a closing bracket is that of the opening one plus 2.
      if (bytes[i] !== first + 2) {
        depth += 1
        if (first === 0x7b) i = keyColonEnd(bytes, i, depth - 1)
        if (i < 0) return -1
        continue
      }
      i += 1
    } else {
      i = scalarEnd(bytes, i)
      if (i < 0) return -1
    }
    // A value ends at `i`, and so do the containers that close directly after it.
    for (; depth > 0; depth--, i++) if (bytes[i] !== (isObject[depth - 1] === 1 ? 0x7d : 0x5d)) break
    if (depth === 0) return i
    if (bytes[i] !== 0x2c) return -1
    i += 1
    if (isObject[depth - 1] === 1) i = keyColonEnd(bytes, i, depth - 1)
    if (i < 0) return -1
  }
}

/**
 * Returns the end of a key and its colon; −1 unless the key sorts after the previous one of its
 * object.
 */
function keyColonEnd(bytes: Uint8Array, at: number, level: number): number {
  const end = stringEnd(bytes, at)
  if (end < 0 || bytes[end] !== 0x3a) return -1
  const before = keyStart[level]!
  // No key has offset 0, so 0 means that this is the first key of the object.
  if (before !== 0 && !sorts(bytes, before + 1, keyEnd[level]! - 1, at + 1, end - 1)) return -1
  keyStart[level] = at
  keyEnd[level] = end
  return end + 1
}

/** Returns the end of the canonical string at `at`, quotes included; −1 if there is none. */
export function stringEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return -1
  const { length } = bytes
  let i = at + 1
  while (i < length) {
    const byte = bytes[i]!
    if (byte === QUOTE) return i + 1
    if (byte < 0x20) return -1
    if (byte !== BACKSLASH) i += 1
    else {
      const size = escapeSize(bytes, i)
      if (size === 0) return -1
      i += size
    }
  }
  return -1
}

/**
 * Returns the offset after the string whose opening quote is at `at`, or −1 without a closing
 * quote. It skips escapes and checks nothing else.
 */
export function stringSpanEnd(bytes: Uint8Array, at: number): number {
  const { length } = bytes
  for (let i = at + 1; i < length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) return i + 1
    if (byte === BACKSLASH) i += 1
  }
  return -1
}

/**
 * Returns the length of the canonical escape at `at`, 0 for any other: the short form if one
 * exists, else \u00 and lower-case hex.
 */
function escapeSize(bytes: Uint8Array, at: number): 0 | 2 | 6 {
  const kind = bytes[at + 1]
  switch (kind) {
    case QUOTE:
    case BACKSLASH:
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2
    case 0x75: // u
      break
    default:
      return 0
  }
  if (bytes[at + 2] !== 0x30 || bytes[at + 3] !== 0x30) return 0
  const high = bytes[at + 4]
  const low = bytes[at + 5] ?? 0
  const isHex = (low >= 0x30 && low <= 0x39) || (low >= 0x61 && low <= 0x66)
  if (!isHex || (high !== 0x30 && high !== 0x31)) return 0
  // 8, 9, a, c and d are \b \t \n \f \r.
  const short = high === 0x30 && (low === 0x38 || low === 0x39 || low === 0x61 || low === 0x63 || low === 0x64)
  return short ? 0 : 6
}

/**
 * Returns whether one string sorts strictly before another, compared by the bytes that the escapes
 * stand for.
 */
function sorts(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  let i = a
  let j = b
  while (i < aEnd && j < bEnd) {
    const x = bytes[i] === BACKSLASH ? escaped(bytes, i) : bytes[i]!
    const y = bytes[j] === BACKSLASH ? escaped(bytes, j) : bytes[j]!
    if (x !== y) return x < y
    i += bytes[i] === BACKSLASH ? escapeSize(bytes, i) : 1
    j += bytes[j] === BACKSLASH ? escapeSize(bytes, j) : 1
  }
  return i >= aEnd && j < bEnd
}

/** Returns the byte that the canonical escape at `at` stands for. */
function escaped(bytes: Uint8Array, at: number): number {
  const kind = bytes[at + 1]!
  switch (kind) {
    case 0x62:
      return 0x08
    case 0x66:
      return 0x0c
    case 0x6e:
      return 0x0a
    case 0x72:
      return 0x0d
    case 0x74:
      return 0x09
    case 0x75: {
      const low = bytes[at + 5]!
      return (bytes[at + 4]! - 0x30) * 16 + (low <= 0x39 ? low - 0x30 : low - 0x57)
    }
    default:
      return kind
  }
}

function scalarEnd(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return stringEnd(bytes, at)
    case 0x74: // true
      return bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65 ? at + 4 : -1
    case 0x66: // false
      return bytes[at + 1] === 0x61 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x73 && bytes[at + 4] === 0x65
        ? at + 5
        : -1
    case 0x6e: // null
      return bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c ? at + 4 : -1
    default:
      return numberEnd(bytes, at)
  }
}

/** Length of the longest canonical number: sign, 17 digits, point, e, sign, three digits. */
const NUMBER_BYTES_MAX = 25

function numberEnd(bytes: Uint8Array, at: number): number {
  const digits = bytes[at] === 0x2d ? at + 1 : at
  let i = digits
  while (isDigit(bytes[i])) i += 1
  const next = bytes[i]
  const isPlain = next !== 0x2e && next !== 0x65
  if (i === digits || i - at > NUMBER_BYTES_MAX) return -1
  const leadingZero = bytes[digits] === 0x30 && i - digits > 1
  if (leadingZero) return -1
  // Up to 18 digits always fit 64 bits. −0 is a float.
  if (isPlain && i - digits <= 18) return bytes[digits] === 0x30 && digits !== at ? -1 : i
  const limit = at + NUMBER_BYTES_MAX + 1
  while (i < limit && isNumberByte(bytes[i])) i += 1
  return isCanonicalNumber(latin1(bytes, at, i)) ? i : -1
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function isNumberByte(byte: number | undefined): boolean {
  return isDigit(byte) || byte === 0x2e || byte === 0x65 || byte === 0x2b || byte === 0x2d
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!)
  return text
}
