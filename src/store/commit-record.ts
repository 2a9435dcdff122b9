// The hash-linked records of commits, which the engines share. Spec: protocol/store.md, T11.

import { asBuffer, type Digest, sha256 } from '../base/bytes.ts'

/** A commit record (T11). The next record of the stream has its hash in `previous`. */
export interface CommitRecord {
  /** 0, 1, 2 … within the stream. */
  readonly number: number
  /** SHA-256 of the previous record, or the genesis link. */
  readonly previous: Digest
  /** Number of nodes; 0 only in the store's own stream. */
  readonly count: number
  /** SHA-256 over the heads of the rows, concatenated. */
  readonly rows: Digest
  /** SHA-256 over the record changes; undefined without changes. */
  readonly changes: Digest | undefined
}

/** Encodes a commit record: 74 bytes, or 106 with `changes`. */
export function encodeCommit(commit: CommitRecord): Buffer {
  const value = Buffer.alloc(commit.changes === undefined ? 74 : 106)
  value.writeUIntBE(commit.number, 0, 6)
  value.set(commit.previous, 6)
  value.writeUInt32BE(commit.count, 38)
  value.set(commit.rows, 42)
  if (commit.changes !== undefined) value.set(commit.changes, 74)
  return value
}

/** Decodes a commit record. Returns undefined if the length is wrong. */
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

/**
 * Returns `previous` of a stream's first commit. It binds the stream to the store and to the name
 * of the frontier.
 */
export function genesisLink(id: Uint8Array, ordinal: number, name: string): Digest {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(ordinal)
  return sha256(Buffer.concat([Buffer.from('replica/store/1\n'), id, number, Buffer.from(name)]))
}
