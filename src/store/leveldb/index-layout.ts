// Keys and values of index/, the database that is derived from log/ and can be made again from it (protocol/store.md
// T13). Every value that is believed without a look into the log lies behind a checksum. Numbers are big-endian.

import type { Digest } from '../../base/bytes.ts'
import type { NodeLocation } from '../store.ts'
import { seal, unseal } from './keys.ts'

/** Tags: `a` what held/ holds, `c` how far a stream is indexed, `d` digest → place, `e` event → first node, `h` heads, `x` further nodes of an event. */
export type IndexTag = 'a' | 'c' | 'd' | 'e' | 'h' | 'x'

/** tag (1) ‖ ordinal (4) ‖ rest. */
export function indexKey(tag: IndexTag, ordinal: number, ...rest: readonly Uint8Array[]): Buffer {
  let length = 5
  for (const part of rest) length += part.length
  const key = Buffer.allocUnsafe(length)
  key[0] = tag.charCodeAt(0)
  key.writeUInt32BE(ordinal, 1)
  let at = 5
  for (const part of rest) {
    key.set(part, at)
    at += part.length
  }
  return key
}

/** All keys of `tag` and `ordinal`, or those that go on with `prefix`, whose last byte must not be 0xff unless it is of fixed length. */
export function indexRange(tag: IndexTag, ordinal: number, prefix: Uint8Array = new Uint8Array()) {
  const longest = 40
  const gte = indexKey(tag, ordinal, prefix)
  return { gte, lt: Buffer.concat([gte, Buffer.alloc(longest, 0xff)]) }
}

export function number32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function readNumber32(bytes: Uint8Array, at = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at)
}

export function encodePlace(key: Uint8Array, place: NodeLocation): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeUInt32BE(place.seq, 0)
  bytes.writeUInt32BE(place.height, 4)
  return seal(key, bytes)
}

/** undefined when damaged. */
export function decodePlace(key: Uint8Array, stored: Uint8Array): NodeLocation | undefined {
  const bytes = unseal(key, stored)
  if (bytes?.length !== 8) return undefined
  return { seq: bytes.readUInt32BE(0), height: bytes.readUInt32BE(4) }
}

/** A commit of a stream: its number, where it begins, the hash of its record. */
export interface Mark {
  readonly number: number
  readonly first: number
  readonly link: Digest
}

/** How far a stream is indexed, and what is known of it there. */
export interface Tail {
  /** Commits in the stream. */
  readonly commits: number
  /** The next sequence number. */
  readonly end: number
  /** Where the last commit begins. */
  readonly last: number
  /** Hash of the last commit record, or the genesis link. */
  readonly link: Digest
  /** Distinct events. */
  readonly events: number
  readonly heads: { readonly count: number; readonly sum: Uint8Array }
  /** A commit that lies in table files with all before it, in log/ and index/ both. */
  readonly checkpoint: Mark | undefined
}

/** The last commit; none in a stream without commits. */
export function lastMark(tail: Tail): Mark | undefined {
  return tail.commits === 0 ? undefined : { number: tail.commits - 1, first: tail.last, link: tail.link }
}

const tailBytes = 86
const markedTailBytes = tailBytes + 42

export function encodeTail(key: Uint8Array, tail: Tail): Buffer {
  const { checkpoint } = tail
  const bytes = Buffer.alloc(checkpoint === undefined ? tailBytes : markedTailBytes)
  bytes.writeUIntBE(tail.commits, 0, 6)
  bytes.writeUInt32BE(tail.end, 6)
  bytes.writeUInt32BE(tail.last, 10)
  bytes.set(tail.link, 14)
  bytes.writeUInt32BE(tail.events, 46)
  bytes.writeUInt32BE(tail.heads.count, 50)
  bytes.set(tail.heads.sum, 54)
  if (checkpoint !== undefined) {
    bytes.writeUIntBE(checkpoint.number, 86, 6)
    bytes.writeUInt32BE(checkpoint.first, 92)
    bytes.set(checkpoint.link, 96)
  }
  return seal(key, bytes)
}

/** undefined when damaged. */
export function decodeTail(key: Uint8Array, stored: Uint8Array): Tail | undefined {
  const bytes = unseal(key, stored)
  if (bytes?.length !== tailBytes && bytes?.length !== markedTailBytes) return undefined
  const marked = bytes.length === markedTailBytes
  return {
    commits: bytes.readUIntBE(0, 6),
    end: bytes.readUInt32BE(6),
    last: bytes.readUInt32BE(10),
    link: bytes.subarray(14, 46),
    events: bytes.readUInt32BE(46),
    heads: { count: bytes.readUInt32BE(50), sum: bytes.subarray(54, tailBytes) },
    checkpoint: marked
      ? { number: bytes.readUIntBE(86, 6), first: bytes.readUInt32BE(92), link: bytes.subarray(96) }
      : undefined,
  }
}
