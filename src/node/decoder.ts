// Strict decoder of nodes: one pass by offsets that compares the fixed bytes in place and returns
// views. An accepted node is the only encoding of its fields. The decoder checks the form only; the
// gate checks the event, the signature and the parents (admission/gate.ts). After an error, the
// input is read a second time, to distinguish bytes that are not strict DAG-CBOR from those that
// are not a node. Spec: protocol/node.md.

import { type Digest, HashedBlock } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS, nodeBytesMax } from '../base/limits.ts'
import { MAJOR, Reader } from '../cbor/cbor-reader.ts'
import { CODEC_BYTE, type LinkCodec } from '../cbor/cid.ts'
import { checkCbor } from '../cbor/dag-cbor.ts'
import {
  BEFORE,
  type DocumentLink,
  FRONTIER_DIGITS,
  LINK_BYTES,
  LINK_HASH,
  LINK_HEAD,
  NODE_VERSION,
  type Node,
} from './schema.ts'

/**
 * Decodes a node. Its byte members are views into `bytes`. The fields of an accepted node encode to
 * the same bytes again.
 * @throws ReplicaError ERR_NODE_SIZE (node or event too long), ERR_CBOR (not strict DAG-CBOR),
 * ERR_NODE_SHAPE (else)
 */
export function decodeNode(input: Uint8Array | HashedBlock): Node {
  const block = input instanceof HashedBlock ? input : new HashedBlock(input)
  const { bytes } = block
  if (bytes.length > nodeBytesMax) throw new ReplicaError('ERR_NODE_SIZE', `a node of more than ${nodeBytesMax} bytes`)
  const reader = new Reader(bytes)
  literal(reader, BEFORE.sig, 'sig')
  const sig = reader.take(64)
  literal(reader, BEFORE.body, 'body')
  const bodyAt = reader.at
  literal(reader, BEFORE.version, 'v')
  if (uint(reader) !== NODE_VERSION) refuse(reader, `a version other than ${NODE_VERSION}`)
  literal(reader, BEFORE.key, 'key')
  const key = reader.take(32)
  literal(reader, BEFORE.event, 'event')
  const event = readEvent(reader)
  literal(reader, BEFORE.links, 'links')
  const links = readLinks(reader)
  literal(reader, BEFORE.height, 'height')
  const height = uint(reader)
  literal(reader, BEFORE.parents, 'parents')
  const parents = readParents(reader)
  if ((height === 0) !== (parents.length === 0)) refuse(reader, 'height must be 0 exactly if there are no parents')
  literal(reader, BEFORE.frontier, 'frontier')
  const frontier = readFrontier(reader)
  reader.end()
  const body = reader.view(bodyAt, bytes.length)
  return {
    bytes,
    get digest() {
      return block.digest
    },
    sig,
    body,
    key,
    event,
    links,
    height,
    parents,
    frontier,
  }
}

function readEvent(reader: Reader): Uint8Array {
  const length = reader.head()
  if (reader.major !== MAJOR.text) refuse(reader, 'event is not text')
  if (length > NODE_LIMITS.eventBytesMax) {
    refuse(reader, `an event of more than ${NODE_LIMITS.eventBytesMax} bytes`, 'ERR_NODE_SIZE')
  }
  return reader.takeText(length)
}

function readLinks(reader: Reader): DocumentLink[] {
  const count = readCount(reader, NODE_LIMITS.linksMax)
  const links: DocumentLink[] = []
  for (let i = 0; i < count; i += 1) links.push({ codec: readLink(reader, i), digest: reader.take(32) })
  return links
}

function readParents(reader: Reader): Digest[] {
  const count = readCount(reader, NODE_LIMITS.parentsMax)
  const parents: Digest[] = []
  for (let i = 0; i < count; i += 1) {
    if (readLink(reader, i) !== 'dag-cbor') refuse(reader, 'a parent that is not dag-cbor')
    parents.push(reader.take(32))
  }
  return parents
}

function readCount(reader: Reader, max: number): number {
  const count = reader.head()
  if (reader.major !== MAJOR.array) refuse(reader, 'links or parents are not an array')
  if (count > max) refuse(reader, `more than ${max} links or parents`)
  return count
}

/** Reads link number `index` up to its digest. Checks that it sorts after the previous link. */
function readLink(reader: Reader, index: number): LinkCodec {
  const { bytes, at } = reader
  literal(reader, LINK_HEAD, 'link')
  const codec = bytes[reader.at]
  reader.at += 1
  literal(reader, LINK_HASH, 'link')
  if (index > 0 && !ascends(bytes, at - LINK_BYTES, at)) refuse(reader, 'links or parents repeated or not sorted')
  if (codec === CODEC_BYTE['dag-cbor']) return 'dag-cbor'
  if (codec === CODEC_BYTE.raw) return 'raw'
  return refuse(reader, 'a link of an unknown codec')
}

/** Returns whether the link at `a` sorts before the one at `b`. Both are equal up to the codec. */
function ascends(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = LINK_HEAD.length; i < LINK_BYTES; i += 1) {
    const difference = bytes[a + i]! - (bytes[b + i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

/**
 * Last name decoded. Nodes of a bulk read have the same frontier and share this string. A cache
 * without effect on results.
 */
let lastName = 'vfr_0000000000000000'

function readFrontier(reader: Reader): string {
  const { bytes, at } = reader
  if (isLastName(bytes, at)) {
    reader.at = at + FRONTIER_DIGITS
    return lastName
  }
  const digits = reader.take(FRONTIER_DIGITS)
  for (const byte of digits) {
    const isDigit = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66)
    if (!isDigit) refuse(reader, 'a frontier name must be vfr_ and 16 lower-case hex digits')
  }
  lastName = `vfr_${String.fromCharCode(...digits)}`
  return lastName
}

function isLastName(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < FRONTIER_DIGITS; i += 1) {
    if (bytes[at + i] !== lastName.charCodeAt(4 + i)) return false
  }
  return true
}

function uint(reader: Reader): number {
  const value = reader.head()
  if (reader.major !== MAJOR.uint) refuse(reader, 'v or height is not an unsigned integer')
  return value
}

/** Steps over bytes that are the same in every node. */
function literal(reader: Reader, expected: Uint8Array, member: string): void {
  const { bytes, at } = reader
  for (let i = 0; i < expected.length; i += 1) {
    if (bytes[at + i] !== expected[i]) refuse(reader, `the bytes of "${member}" are not as a node must have them`)
  }
  reader.at = at + expected.length
}

/** Throws ERR_CBOR if the input is not strict DAG-CBOR, else `code`. */
function refuse(reader: Reader, reason: string, code: ErrorCode = 'ERR_NODE_SHAPE'): never {
  checkCbor(reader.bytes)
  throw new ReplicaError(code, `not a node: ${reason}`, { facts: { at: reader.at } })
}
