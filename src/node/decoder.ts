// Decodes headers and items in one pass by offsets. It compares the fixed bytes in place, returns
// views and copies nothing, so an accepted header is the only encoding of its fields. It judges
// form alone; the gate checks the text, the signature and the parents. An input that fails is read
// a second time, to tell bytes that are not strict DAG-CBOR from those that are, but do not make a
// header. Spec: protocol/node.md, N1 to N19 and N24.

import { asBuffer, type Digest, HashedBlock, sha256 } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS, nodeBytesMax, nodeHeaderBytesMax } from '../base/limits.ts'
import { MAJOR, Reader } from '../cbor/cbor-reader.ts'
import { CODEC_BYTE, type LinkCodec } from '../cbor/cid.ts'
import { checkCborStart } from '../cbor/dag-cbor.ts'
import {
  BEFORE,
  type DocumentLink,
  FRONTIER_DIGITS,
  type Header,
  LABEL_BYTES,
  LINK_BYTES,
  LINK_HASH,
  LINK_HEAD,
  NODE_VERSION,
  type Node,
  TEXT_ASIDE,
} from './schema.ts'

/**
 * Reads a header that fills `bytes`. An accepted header encodes to the very same bytes.
 * @throws ReplicaError ERR_NODE_SIZE (header or text too long), ERR_CBOR (not strict DAG-CBOR),
 *   ERR_NODE_SHAPE (else)
 */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes.length > nodeHeaderBytesMax) throw tooLong(`a header of more than ${nodeHeaderBytesMax} bytes`)
  const reader = new Reader(bytes)
  const header = readHeader(reader)
  reader.end()
  return header
}

/**
 * Reads an item: a header, then nothing, or the text, whose hash the caller checks, or the byte
 * that stands for a text that the source has and does not send.
 * @throws ReplicaError as `decodeHeader`; ERR_NODE_SHAPE where the rest is neither empty nor `size`
 *   bytes long
 */
export function decodeNode(input: Uint8Array | HashedBlock): Node {
  if (input instanceof NodeBlock) return input.node
  const bytes = input instanceof HashedBlock ? input.bytes : input
  if (bytes.length > nodeBytesMax) throw tooLong(`an item of more than ${nodeBytesMax} bytes`)
  const reader = new Reader(bytes)
  const node = readHeader(reader)
  const rest = bytes.length - node.header.length
  if (rest === 1 && node.size !== 1 && bytes.at(-1) === TEXT_ASIDE) {
    node.isTextAside = true
    return node
  }
  if (rest !== 0 && rest !== node.size) {
    throw new ReplicaError('ERR_NODE_SHAPE', `not an item: ${rest} bytes after a header that says ${node.size}`)
  }
  node.bytes = bytes
  node.text = rest === 0 ? undefined : reader.view(node.header.length, bytes.length)
  return node
}

/** The block of an item that was decoded: its digest is that of the header. */
class NodeBlock extends HashedBlock {
  readonly node: Node

  constructor(node: Node) {
    super(node.bytes, node.header.length)
    this.node = node
  }

  override get digest(): Digest {
    return this.node.digest
  }
}

/** Returns the block of an item, which is decoded and hashed once; other bytes are hashed whole. */
export function blockOf(bytes: Uint8Array): HashedBlock {
  try {
    return new NodeBlock(decodeNode(bytes))
  } catch (error) {
    if (error instanceof ReplicaError) return new HashedBlock(bytes)
    throw error
  }
}

function readHeader(reader: Reader): DecodedNode {
  literal(reader, BEFORE.sig, 'sig')
  const sig = reader.take(64)
  literal(reader, BEFORE.body, 'body')
  const bodyAt = reader.at
  literal(reader, BEFORE.version, 'v')
  if (uint(reader) !== NODE_VERSION) refuse(reader, `a version other than ${NODE_VERSION}`)
  literal(reader, BEFORE.key, 'key')
  const key = reader.take(32)
  literal(reader, BEFORE.size, 'size')
  const size = readSize(reader)
  literal(reader, BEFORE.event, 'event')
  const event = reader.take(32)
  literal(reader, BEFORE.label, 'label')
  const label = reader.take(LABEL_BYTES)
  literal(reader, BEFORE.links, 'links')
  const links = readLinks(reader)
  literal(reader, BEFORE.height, 'height')
  const height = uint(reader)
  literal(reader, BEFORE.parents, 'parents')
  const parents = readParents(reader)
  if ((height === 0) !== (parents.length === 0)) refuse(reader, 'height must be 0 exactly if there are no parents')
  literal(reader, BEFORE.frontier, 'frontier')
  const frontier = readFrontier(reader)
  const body = reader.view(bodyAt, reader.at)
  const header = reader.view(0, reader.at)
  return new DecodedNode({ header, sig, body, key, size, event, label, links, height, parents, frontier })
}

/** A header that was read, and the text of its item. One class, so that all have one layout. */
class DecodedNode implements Node {
  readonly header: Uint8Array
  readonly sig: Uint8Array
  readonly body: Uint8Array
  readonly key: Uint8Array
  readonly size: number
  readonly event: Digest
  readonly label: Uint8Array
  readonly links: readonly DocumentLink[]
  readonly height: number
  readonly parents: readonly Digest[]
  readonly frontier: string
  bytes: Uint8Array
  text: Uint8Array | undefined
  declare isTextAside?: true
  #digest: Digest | undefined

  constructor(fields: Omit<Header, 'digest'>) {
    this.header = fields.header
    this.sig = fields.sig
    this.body = fields.body
    this.key = fields.key
    this.size = fields.size
    this.event = fields.event
    this.label = fields.label
    this.links = fields.links
    this.height = fields.height
    this.parents = fields.parents
    this.frontier = fields.frontier
    this.bytes = fields.header
    this.text = undefined
  }

  get digest(): Digest {
    this.#digest ??= sha256(this.header)
    return this.#digest
  }
}

function readSize(reader: Reader): number {
  const size = uint(reader)
  if (size > NODE_LIMITS.eventBytesMax) {
    refuse(reader, `a text of more than ${NODE_LIMITS.eventBytesMax} bytes`, 'ERR_NODE_SIZE')
  }
  return size
}

function tooLong(reason: string): ReplicaError {
  return new ReplicaError('ERR_NODE_SIZE', reason)
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

/** Reads link number `index` up to its digest and checks that it sorts after the link before it. */
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

/** Returns whether the link at `a` is less than the one at `b`. They are equal up to the codec. */
function ascends(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = LINK_HEAD.length; i < LINK_BYTES; i += 1) {
    const difference = bytes[a + i]! - (bytes[b + i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

function readFrontier(reader: Reader): string {
  const digits = reader.take(FRONTIER_DIGITS)
  for (const byte of digits) {
    const isDigit = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66)
    if (!isDigit) refuse(reader, 'a frontier name must be vfr_ and 16 lower-case hex digits')
  }
  return `vfr_${asBuffer(digits).toString('latin1')}`
}

function uint(reader: Reader): number {
  const value = reader.head()
  if (reader.major !== MAJOR.uint) refuse(reader, 'v, size or height is not an unsigned integer')
  return value
}

/** Steps over bytes that every header has at this place. */
function literal(reader: Reader, expected: Uint8Array, member: string): void {
  const { bytes, at } = reader
  for (let i = 0; i < expected.length; i += 1) {
    if (bytes[at + i] !== expected[i]) refuse(reader, `the bytes of "${member}" are not as a header must have them`)
  }
  reader.at = at + expected.length
}

/** Throws ERR_CBOR where the input does not begin with strict DAG-CBOR, else `code`. */
function refuse(reader: Reader, reason: string, code: ErrorCode = 'ERR_NODE_SHAPE'): never {
  checkCborStart(reader.bytes)
  throw new ReplicaError(code, `not a header: ${reason}`, { facts: { at: reader.at } })
}
