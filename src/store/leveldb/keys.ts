// Keys and values of the four databases. Numbers are big-endian; ‖ concatenates. A *stream* has the
// commits of one frontier, or of the store itself, in log/. Streams are append-only and everything
// that changes has smaller keys, so each memory table of LevelDB becomes a table file after the
// earlier ones, and LevelDB merges nothing. That halves the cost of a bulk load.
// Spec: protocol/store.md, T8 to T14, T24 and T25.

import * as zlib from 'node:zlib'
import { asBuffer, type Digest, equals, sha256, toHex } from '../../base/bytes.ts'
import { seal, unseal } from '../checksum.ts'
import type { HeldNode, NodeLocation, Wait } from '../store.ts'
import { corruptionError, WAIT_KINDS } from '../validate.ts'

// ## log/

/** Ordinal of entries that do not belong to a stream. They precede all streams. */
const NO_STREAM = 0
/** Ordinal of the store's own stream, which has the commits without nodes. */
export const STORE_STREAM = 1
/** Ordinal of the first frontier. */
export const FIRST_FRONTIER = 2
/** Greater than every key of log/. */
export const LOG_END = Buffer.alloc(16, 0xff)

/** Kind of a stream entry: a commit record. */
export const COMMIT = 0
/** Kind of a stream entry: a row. */
export const NODE = 1

/** Returns ordinal (4) ‖ sequence number (4) ‖ kind (1). */
export function streamKey(ordinal: number, seq: number, kind: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key.writeUInt32BE(ordinal, 0)
  key.writeUInt32BE(seq, 4)
  key[8] = kind
  return key
}

/** Parses the result of `streamKey`. */
export function readStreamKey(key: Uint8Array): { ordinal: number; seq: number; kind: number } {
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  return { ordinal: view.getUint32(0), seq: view.getUint32(4), kind: view.getUint8(8) }
}

/** Returns the key of an entry that does not belong to a stream: 0 (4) ‖ tag (1) ‖ rest. */
export function tagKey(tag: string, rest: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(NO_STREAM, 0)
  head.write(tag, 4, 'latin1')
  return Buffer.concat([head, rest])
}

/** Returns the key of a frontier's name; the value is the sealed name. */
export function nameKey(ordinal: number): Buffer {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(ordinal)
  return tagKey('f', number)
}

/** Greater than the keys of all names. */
export const NAMES_END = tagKey('g', new Uint8Array())

// ## index/

/**
 * Tags of index/: `a` checksum of held/, `c` tail of a stream, `d` digest → location, `e` event →
 * first node, `h` head, `t` text that is not here, `x` further node of an event.
 */
export type IndexTag = 'a' | 'c' | 'd' | 'e' | 'h' | 't' | 'x'

/** Returns tag (1) ‖ ordinal (4) ‖ rest. */
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

/**
 * Returns the range of all keys with `tag` and `ordinal`, or of those that continue with `prefix`.
 * A prefix of variable length must not end with 0xff.
 */
export function indexRange(tag: IndexTag, ordinal: number, prefix: Uint8Array = new Uint8Array()) {
  const longest = 40
  const gte = indexKey(tag, ordinal, prefix)
  return { gte, lt: Buffer.concat([gte, Buffer.alloc(longest, 0xff)]) }
}

/** Encodes a u32. */
export function number32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Decodes a u32 at the offset `at`. */
export function readNumber32(bytes: Uint8Array, at = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at)
}

/** Encodes and seals a location. */
export function encodeLocation(key: Uint8Array, location: NodeLocation): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeUInt32BE(location.seq, 0)
  bytes.writeUInt32BE(location.height, 4)
  return seal(key, bytes)
}

/** Decodes a location. Returns undefined if it is damaged. */
export function decodeLocation(key: Uint8Array, stored: Uint8Array): NodeLocation | undefined {
  const bytes = unseal(key, stored)
  if (bytes?.length !== 8) return undefined
  return { seq: bytes.readUInt32BE(0), height: bytes.readUInt32BE(4) }
}

/** A reference to a commit of a stream. */
export interface CommitRef {
  /** 0, 1, 2 … within the stream. */
  readonly number: number
  /** Sequence number of its first node. */
  readonly first: number
  /** SHA-256 of its record. */
  readonly link: Digest
}

/** The indexed state of a stream (T13). */
export interface Tail {
  /** Number of commits. */
  readonly commits: number
  /** The next sequence number. */
  readonly end: number
  /** Sequence number at which the last commit begins. */
  readonly last: number
  /** SHA-256 of the last commit record, or the genesis link. */
  readonly link: Digest
  /** Number of distinct events. */
  readonly events: number
  /** Number of heads, and the XOR of their digests. */
  readonly heads: { readonly count: number; readonly sum: Uint8Array }
  /** The last commit known to be in table files of log/ and index/, with all earlier ones (T16). */
  readonly checkpoint: CommitRef | undefined
}

/** Returns the last commit; undefined for a stream without commits. */
export function lastCommit(tail: Tail): CommitRef | undefined {
  return tail.commits === 0 ? undefined : { number: tail.commits - 1, first: tail.last, link: tail.link }
}

const tailBytes = 86
const checkpointTailBytes = tailBytes + 42

/** Encodes and seals a tail. */
export function encodeTail(key: Uint8Array, tail: Tail): Buffer {
  const { checkpoint } = tail
  const bytes = Buffer.alloc(checkpoint === undefined ? tailBytes : checkpointTailBytes)
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

/** Decodes a tail. Returns undefined if it is damaged. */
export function decodeTail(key: Uint8Array, stored: Uint8Array): Tail | undefined {
  const bytes = unseal(key, stored)
  if (bytes?.length !== tailBytes && bytes?.length !== checkpointTailBytes) return undefined
  const hasCheckpoint = bytes.length === checkpointTailBytes
  return {
    commits: bytes.readUIntBE(0, 6),
    end: bytes.readUInt32BE(6),
    last: bytes.readUInt32BE(10),
    link: bytes.subarray(14, 46),
    events: bytes.readUInt32BE(46),
    heads: { count: bytes.readUInt32BE(50), sum: bytes.subarray(54, tailBytes) },
    checkpoint: hasCheckpoint
      ? { number: bytes.readUIntBE(86, 6), first: bytes.readUInt32BE(92), link: bytes.subarray(96) }
      : undefined,
  }
}

// ## held/

const HELD_NODE_TAG = 'n'.charCodeAt(0)
const HELD_WAIT_TAG = 'w'.charCodeAt(0)

/** Returns the key of a held node: 'n' ‖ ordinal (4) ‖ digest (32). */
export function heldKey(ordinal: number, digest: Digest): Buffer {
  return heldStoreKey(HELD_NODE_TAG, ordinal, digest)
}

/** Returns the key of a held node's wait: 'w' ‖ ordinal (4) ‖ kind (1) ‖ id (32) ‖ digest (32). */
export function heldWaitKey(ordinal: number, wait: Wait, digest: Digest): Buffer {
  return heldStoreKey(HELD_WAIT_TAG, ordinal, Buffer.of(WAIT_KINDS.indexOf(wait.kind)), wait.id, digest)
}

/** Returns the range of a frontier's held nodes, or of those after a digest. */
export function heldRange(ordinal: number, after?: Digest) {
  const gte =
    after === undefined
      ? heldKey(ordinal, new Uint8Array())
      : heldStoreKey(HELD_NODE_TAG, ordinal, after, Buffer.alloc(1))
  return { gte, lt: heldStoreKey(HELD_NODE_TAG, ordinal + 1) }
}

/** Returns the range of a frontier's waits, or of the nodes that wait for `wait`. */
export function heldWaitRange(ordinal: number, wait?: Wait) {
  if (wait === undefined)
    return { gte: heldStoreKey(HELD_WAIT_TAG, ordinal), lt: heldStoreKey(HELD_WAIT_TAG, ordinal + 1) }
  const gte = heldWaitKey(ordinal, wait, new Uint8Array())
  return { gte, lt: Buffer.concat([gte, Buffer.alloc(33, 0xff)]) }
}

/** Parses the result of `heldWaitKey`. Returns undefined if it is damaged. */
export function readHeldWaitKey(key: Uint8Array): { wait: Wait; digest: Digest } | undefined {
  const kind = WAIT_KINDS[key[5] ?? WAIT_KINDS.length]
  if (key.length !== 70 || kind === undefined) return undefined
  return { wait: { kind, id: key.subarray(6, 38) }, digest: key.subarray(38) }
}

/** The value of a wait's key. */
export interface QuotaShare {
  /** Public key of the peer whose quota the node counts against. */
  readonly from: Uint8Array
  /** Size of the node in bytes. */
  readonly bytes: number
}

/** Encodes and seals the value of a wait's key: peer key (32) ‖ size (4). */
export function encodeShare(key: Uint8Array, node: HeldNode): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(node.bytes.length)
  return seal(key, Buffer.concat([node.from, size]))
}

/** Decodes the value of a wait's key. Returns undefined if it is damaged. */
export function decodeShare(key: Uint8Array, stored: Uint8Array): QuotaShare | undefined {
  const bytes = unseal(key, stored)
  if (bytes?.length !== 36) return undefined
  return { from: bytes.subarray(0, 32), bytes: bytes.readUInt32BE(32) }
}

const HELD_HEAD_BYTES = 135

/**
 * Encodes a held node: crc (4) ‖ kind (1) ‖ id (32) ‖ key (32) ‖ from (32) ‖ event (32) ‖ header
 * size (2) ‖ item. The crc covers the fields before the item.
 */
export function encodeHeld(node: HeldNode): Buffer {
  const value = Buffer.allocUnsafe(HELD_HEAD_BYTES + node.bytes.length)
  value[4] = WAIT_KINDS.indexOf(node.wait.kind)
  value.set(node.wait.id, 5)
  value.set(node.key, 37)
  value.set(node.from, 69)
  value.set(node.event, 101)
  value.writeUInt16BE(node.headerBytes, 133)
  value.set(node.bytes, HELD_HEAD_BYTES)
  value.writeUInt32BE(zlib.crc32(value.subarray(4, HELD_HEAD_BYTES)), 0)
  return value
}

/**
 * Decodes a held node and verifies checksum and digest.
 * @throws ReplicaError ERR_STORE_CORRUPT if it is damaged
 */
export function decodeHeld(digest: Digest, stored: Uint8Array): HeldNode {
  const value = asBuffer(stored)
  const kind = WAIT_KINDS[value[4] ?? WAIT_KINDS.length]
  const headIsValid =
    value.length >= HELD_HEAD_BYTES && zlib.crc32(value.subarray(4, HELD_HEAD_BYTES)) === value.readUInt32BE(0)
  const bytes = value.subarray(HELD_HEAD_BYTES)
  const headerBytes = headIsValid ? value.readUInt16BE(133) : 0
  const event = value.subarray(101, 133)
  if (!headIsValid || kind === undefined || !isWhole(bytes, { headerBytes, digest, event })) {
    throw corruptionError(`held node ${toHex(digest)} is damaged`, { digest: toHex(digest) })
  }
  const wait = { kind, id: value.subarray(5, 37) }
  return { digest, bytes, headerBytes, event, key: value.subarray(37, 69), wait, from: value.subarray(69, 101) }
}

/** Whether header and text, where there is one, hash to what is known of them. */
function isWhole(
  bytes: Uint8Array,
  { headerBytes, digest, event }: { headerBytes: number; digest: Digest; event: Digest },
): boolean {
  if (!equals(sha256(bytes.subarray(0, headerBytes)), digest)) return false
  return bytes.length <= headerBytes || equals(sha256(bytes.subarray(headerBytes)), event)
}

function heldStoreKey(tag: number, ordinal: number, ...rest: readonly Uint8Array[]): Buffer {
  const number = Buffer.alloc(5)
  number[0] = tag
  number.writeUInt32BE(ordinal, 1)
  return Buffer.concat([number, ...rest])
}

// ## documents/

const BLOCK_TAG = 'b'.charCodeAt(0)
const SIZE_TAG = 's'.charCodeAt(0)

/** Returns the key of a block: 'b' ‖ ordinal (4) ‖ digest (32). */
export function blockKey(ordinal: number, digest: Digest): Buffer {
  return Buffer.concat([Buffer.of(BLOCK_TAG), number32(ordinal), digest])
}

/** Returns the key of a block's size: 's' ‖ ordinal (4) ‖ digest (32). */
export function sizeKey(ordinal: number, digest: Digest): Buffer {
  return Buffer.concat([Buffer.of(SIZE_TAG), number32(ordinal), digest])
}

/** Returns the range of a frontier's blocks. */
export function blockRange(ordinal: number) {
  return { gte: blockKey(ordinal, new Uint8Array()), lt: blockKey(ordinal + 1, new Uint8Array()) }
}

/** Returns the range of the sizes of a frontier's blocks. */
export function sizeRange(ordinal: number) {
  return { gte: sizeKey(ordinal, new Uint8Array()), lt: sizeKey(ordinal + 1, new Uint8Array()) }
}

/** Returns the digest in a key of a block or of a size. */
export function digestOf(key: Uint8Array): Digest {
  return key.subarray(5)
}

/** Encodes and seals the size of a block. */
export function encodeSize(key: Uint8Array, bytes: number): Buffer {
  return seal(key, number32(bytes))
}

/** Decodes the size of a block. Returns undefined if it is damaged. */
export function decodeSize(key: Uint8Array, stored: Uint8Array): number | undefined {
  const bytes = unseal(key, stored)
  return bytes?.length === 4 ? readNumber32(bytes) : undefined
}
