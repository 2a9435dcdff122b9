// Keys and values of log/, the database that is the truth (protocol/store.md T9 to T12). A stream is the log of one
// frontier, or of the store's own records. Its entries have ascending keys and are never changed, and what does change
// has lesser keys: so LevelDB puts each memory table behind the earlier ones without sorting anything again, which
// halves the cost of a bulk load. Numbers are big-endian.

import * as zlib from 'node:zlib'
import { asBuffer, type Digest, equals, sha256, toHex } from '../../base/bytes.ts'
import type { HeldNode, NodeEntry, NodeLocation, NodeRow, Wait } from '../store.ts'
import { corruptionError, WAIT_KINDS } from '../validate.ts'

/** No stream: what is not part of one lies under this ordinal, before all that grows. */
const OUTSIDE = 0
/** The stream that carries commits without nodes; frontiers are numbered from the next one on. */
export const STORE_STREAM = 1
export const FIRST_FRONTIER = 2
/** Behind every key of log/. */
export const behindAll = Buffer.alloc(16, 0xff)

export const COMMIT = 0
export const NODE = 1

/** ordinal (4) ‖ sequence number (4) ‖ 0 for a commit record, 1 for a node. */
export function streamKey(ordinal: number, seq: number, kind: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key.writeUInt32BE(ordinal, 0)
  key.writeUInt32BE(seq, 4)
  key[8] = kind
  return key
}

export function readStreamKey(key: Uint8Array): { ordinal: number; seq: number; kind: number } {
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  return { ordinal: view.getUint32(0), seq: view.getUint32(4), kind: view.getUint8(8) }
}

export function outsideKey(tag: string, rest: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(OUTSIDE, 0)
  head.write(tag, 4, 'latin1')
  return Buffer.concat([head, rest])
}

const ROW_FIXED = 81

/**
 * A row: crc ‖ parent count ‖ height ‖ label ‖ event ‖ digest ‖ parents ‖ the node's bytes. What comes before the
 * bytes is its head, which the checksum covers.
 */
export function encodeRow(node: NodeEntry, parents: readonly number[]): { row: Buffer; head: Buffer } {
  const headBytes = ROW_FIXED + 4 * parents.length
  const row = Buffer.allocUnsafe(headBytes + node.bytes.length)
  row[4] = parents.length
  row.writeUInt32BE(node.height, 5)
  row.set(node.label, 9)
  row.set(node.event, 17)
  row.set(node.digest, 49)
  for (const [at, parent] of parents.entries()) row.writeUInt32BE(parent, ROW_FIXED + 4 * at)
  row.writeUInt32BE(zlib.crc32(row.subarray(4, headBytes)), 0)
  row.set(node.bytes, headBytes)
  return { row, head: row.subarray(0, headBytes) }
}

/** A row with what only the index needs. */
export interface StoredRow extends NodeRow {
  readonly head: Buffer
  readonly height: number
  readonly label: Buffer
  readonly event: Buffer
}

/** Reads a row and hashes it again. @throws ReplicaError ERR_STORE_CORRUPT */
export function decodeRow(frontier: string, seq: number, stored: Uint8Array | undefined): StoredRow {
  const fail = (reason: string) => corruptionError(`node ${seq} of ${frontier}: ${reason}`, { frontier, seq })
  if (stored === undefined) throw fail('it is missing')
  const value = asBuffer(stored)
  const count = value[4] ?? 0
  const end = ROW_FIXED + 4 * count
  if (value.length < end || zlib.crc32(value.subarray(4, end)) !== value.readUInt32BE(0)) {
    throw fail('what is stored with it is damaged')
  }
  const bytes = value.subarray(end)
  const digest = value.subarray(49, ROW_FIXED)
  if (!equals(sha256(bytes), digest)) throw fail('its bytes are damaged')
  const parents: number[] = []
  for (let at = ROW_FIXED; at < end; at += 4) parents.push(value.readUInt32BE(at))
  return {
    seq,
    digest,
    bytes,
    parents,
    head: value.subarray(0, end),
    height: value.readUInt32BE(5),
    label: value.subarray(9, 17),
    event: value.subarray(17, 49),
  }
}

/** A commit record. Its hash is the link that the next one of the stream names as `previous`. */
export interface CommitRecord {
  /** 0, 1, 2 … within the stream. */
  readonly number: number
  readonly previous: Digest
  /** Nodes that follow; 0 only in the store's own stream. */
  readonly count: number
  /** SHA-256 over the heads of their rows, concatenated. */
  readonly rows: Digest
  /** SHA-256 over the changes of records made with it; none when there were none. */
  readonly changes: Digest | undefined
}

export function encodeCommit(commit: CommitRecord): Buffer {
  const value = Buffer.alloc(commit.changes === undefined ? 74 : 106)
  value.writeUIntBE(commit.number, 0, 6)
  value.set(commit.previous, 6)
  value.writeUInt32BE(commit.count, 38)
  value.set(commit.rows, 42)
  if (commit.changes !== undefined) value.set(commit.changes, 74)
  return value
}

/** undefined when the value has no commit record's length. */
export function decodeCommit(stored: Uint8Array): CommitRecord | undefined {
  const value = asBuffer(stored)
  if (value.length !== 74 && value.length !== 106) return undefined
  return {
    number: value.readUIntBE(0, 6),
    previous: value.subarray(6, 38),
    count: value.readUInt32BE(38),
    rows: value.subarray(42, 74),
    changes: value.length === 106 ? value.subarray(74) : undefined,
  }
}

/** What the first commit of a stream names as previous: it ties the stream to its store and its frontier's name. */
export function genesisLink(id: Uint8Array, ordinal: number, name: string): Digest {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(ordinal)
  return sha256(Buffer.concat([Buffer.from('replica/store/1\n'), id, number, Buffer.from(name)]))
}

/** Key of a frontier's name; the value is the name behind its checksum. */
export function nameKey(ordinal: number): Buffer {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(ordinal)
  return outsideKey('f', number)
}

/** Behind the names of all frontiers. */
export const behindNames = outsideKey('g', new Uint8Array())

/** `bytes` behind a checksum over `key` and `bytes`: LevelDB checks neither when it reads. */
export function seal(key: Uint8Array, bytes: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(4 + bytes.length)
  value.set(bytes, 4)
  value.writeUInt32BE(zlib.crc32(bytes, zlib.crc32(key)), 0)
  return value
}

/** What `seal` sealed; undefined when key or value are damaged. */
export function unseal(key: Uint8Array, stored: Uint8Array): Buffer | undefined {
  const value = asBuffer(stored)
  if (value.length < 4) return undefined
  const bytes = value.subarray(4)
  return zlib.crc32(bytes, zlib.crc32(key)) === value.readUInt32BE(0) ? bytes : undefined
}

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

const HELD_NODE_TAG = 'n'.charCodeAt(0)
const HELD_WAIT_TAG = 'w'.charCodeAt(0)

/** 'n' ‖ ordinal (4) ‖ digest (32) */
export function heldKey(ordinal: number, digest: Digest): Buffer {
  return join(HELD_NODE_TAG, ordinal, digest)
}

/** 'w' ‖ ordinal (4) ‖ kind (1) ‖ id (32) ‖ digest (32) */
export function waitingKey(ordinal: number, wait: Wait, digest: Digest): Buffer {
  return join(HELD_WAIT_TAG, ordinal, Buffer.of(WAIT_KINDS.indexOf(wait.kind)), wait.id, digest)
}

export function heldRange(ordinal: number, after?: Digest) {
  const gte =
    after === undefined ? heldKey(ordinal, new Uint8Array()) : join(HELD_NODE_TAG, ordinal, after, Buffer.alloc(1))
  return { gte, lt: join(HELD_NODE_TAG, ordinal + 1) }
}

export function waitingRange(ordinal: number, wait?: Wait) {
  if (wait === undefined) return { gte: join(HELD_WAIT_TAG, ordinal), lt: join(HELD_WAIT_TAG, ordinal + 1) }
  const gte = waitingKey(ordinal, wait, new Uint8Array())
  return { gte, lt: Buffer.concat([gte, Buffer.alloc(33, 0xff)]) }
}

export function readWaitingKey(key: Uint8Array): { wait: Wait; digest: Digest } | undefined {
  const kind = WAIT_KINDS[key[5] ?? WAIT_KINDS.length]
  if (key.length !== 70 || kind === undefined) return undefined
  return { wait: { kind, id: key.subarray(6, 38) }, digest: key.subarray(38) }
}

/** What a wait's key stands for: whose quota the node counts against, and its size. */
export interface Share {
  readonly from: Uint8Array
  readonly bytes: number
}

export function encodeShare(key: Uint8Array, node: HeldNode): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(node.bytes.length)
  return seal(key, Buffer.concat([node.from, size]))
}

export function decodeShare(key: Uint8Array, stored: Uint8Array): Share | undefined {
  const bytes = unseal(key, stored)
  if (bytes?.length !== 36) return undefined
  return { from: bytes.subarray(0, 32), bytes: bytes.readUInt32BE(32) }
}

const HEAD_BYTES = 101

/** crc (4) ‖ kind (1) ‖ id (32) ‖ key (32) ‖ from (32) ‖ the node's bytes */
export function encodeHeld(node: HeldNode): Buffer {
  const value = Buffer.allocUnsafe(HEAD_BYTES + node.bytes.length)
  value[4] = WAIT_KINDS.indexOf(node.wait.kind)
  value.set(node.wait.id, 5)
  value.set(node.key, 37)
  value.set(node.from, 69)
  value.set(node.bytes, HEAD_BYTES)
  value.writeUInt32BE(zlib.crc32(value.subarray(4, HEAD_BYTES)), 0)
  return value
}

/** @throws ReplicaError ERR_STORE_CORRUPT */
export function decodeHeld(digest: Digest, stored: Uint8Array): HeldNode {
  const value = asBuffer(stored)
  const kind = WAIT_KINDS[value[4] ?? WAIT_KINDS.length]
  const headIsWhole = value.length >= HEAD_BYTES && zlib.crc32(value.subarray(4, HEAD_BYTES)) === value.readUInt32BE(0)
  const bytes = value.subarray(HEAD_BYTES)
  if (!headIsWhole || kind === undefined || !equals(sha256(bytes), digest)) {
    throw corruptionError(`held node ${toHex(digest)} is damaged`, { digest: toHex(digest) })
  }
  const wait = { kind, id: value.subarray(5, 37) }
  return { digest, bytes, key: value.subarray(37, 69), wait, from: value.subarray(69, HEAD_BYTES) }
}

function join(tag: number, ordinal: number, ...rest: readonly Uint8Array[]): Buffer {
  const number = Buffer.alloc(5)
  number[0] = tag
  number.writeUInt32BE(ordinal, 1)
  return Buffer.concat([number, ...rest])
}

const BLOCK_TAG = 'b'.charCodeAt(0)
const SIZE_TAG = 's'.charCodeAt(0)

/** 'b' ‖ ordinal (4) ‖ digest (32) */
export function blockKey(ordinal: number, digest: Digest): Buffer {
  return Buffer.concat([Buffer.of(BLOCK_TAG), number32(ordinal), digest])
}

/** 's' ‖ ordinal (4) ‖ digest (32) */
export function sizeKey(ordinal: number, digest: Digest): Buffer {
  return Buffer.concat([Buffer.of(SIZE_TAG), number32(ordinal), digest])
}

export function blockRange(ordinal: number) {
  return { gte: blockKey(ordinal, new Uint8Array()), lt: blockKey(ordinal + 1, new Uint8Array()) }
}

export function sizeRange(ordinal: number) {
  return { gte: sizeKey(ordinal, new Uint8Array()), lt: sizeKey(ordinal + 1, new Uint8Array()) }
}

/** The digest in a key of either kind. */
export function digestOf(key: Uint8Array): Digest {
  return key.subarray(5)
}

export function encodeSize(key: Uint8Array, bytes: number): Buffer {
  return seal(key, number32(bytes))
}

/** Undefined when the value is damaged. */
export function decodeSize(key: Uint8Array, stored: Uint8Array): number | undefined {
  const bytes = unseal(key, stored)
  return bytes?.length === 4 ? readNumber32(bytes) : undefined
}
