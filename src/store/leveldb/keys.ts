// Keys and values of log/, the database that is the truth (protocol/store.md T9 to T12). A stream is the log of one
// frontier, or of the store's own records. Its entries have ascending keys and are never changed, and what does change
// has lesser keys: so LevelDB puts each memory table behind the earlier ones without sorting anything again, which
// halves the cost of a bulk load. Numbers are big-endian.

import * as zlib from 'node:zlib'
import { asBuffer, type Digest, equals, sha256 } from '../../base/bytes.ts'
import type { NodeEntry, NodeRow } from '../store.ts'
import { corruptionError } from '../validate.ts'

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
