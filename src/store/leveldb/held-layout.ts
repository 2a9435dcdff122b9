// Keys and values of held/, the database of nodes that wait (protocol/store.md T14). A node's value says in front,
// under a checksum, what is known of it; its wait is a key of its own, so that everything that waits for one thing lies
// together and can be counted without reading nodes.

import * as zlib from 'node:zlib'
import { asBuffer, type Digest, equals, sha256, toHex } from '../../base/bytes.ts'
import { WAIT_KINDS } from '../arguments.ts'
import type { HeldNode, Wait } from '../store.ts'
import { corruptionError } from '../validate.ts'
import { seal, unseal } from './keys.ts'

const NODE = 'n'.charCodeAt(0)
const WAIT = 'w'.charCodeAt(0)

/** 'n' ‖ ordinal (4) ‖ digest (32) */
export function heldKey(ordinal: number, digest: Digest): Buffer {
  return join(NODE, ordinal, digest)
}

/** 'w' ‖ ordinal (4) ‖ kind (1) ‖ id (32) ‖ digest (32) */
export function waitingKey(ordinal: number, wait: Wait, digest: Digest): Buffer {
  return join(WAIT, ordinal, Buffer.of(WAIT_KINDS.indexOf(wait.kind)), wait.id, digest)
}

export function heldRange(ordinal: number, after?: Digest) {
  const gte = after === undefined ? heldKey(ordinal, new Uint8Array()) : join(NODE, ordinal, after, Buffer.alloc(1))
  return { gte, lt: join(NODE, ordinal + 1) }
}

export function waitingRange(ordinal: number, wait?: Wait) {
  if (wait === undefined) return { gte: join(WAIT, ordinal), lt: join(WAIT, ordinal + 1) }
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
