// Encodes a header, the signed DAG-CBOR block `{sig, body}`, and joins it with the event's text to
// an item. The form is rigid, so the bytes are written by hand: an author signs exactly the bytes
// that every reader accepts. Fields that do not make a header are refused and never corrected;
// decoder.ts reads headers. Spec: protocol/node.md, N11 to N24.

import { compare, concat, type Digest } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import { isFrontierId } from '../base/frontier-id.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { MAJOR } from '../cbor/cbor-reader.ts'
import { CODEC_BYTE } from '../cbor/cid.ts'
import type { DocumentLink, NodeFields } from './schema.ts'
import {
  BEFORE,
  FRONTIER_DIGITS,
  LABEL_BYTES,
  LINK_BYTES,
  LINK_HASH,
  LINK_HEAD,
  NODE_DOMAIN,
  NODE_VERSION,
  TEXT_ASIDE,
} from './schema.ts'

export { decodeHeader, decodeNode } from './decoder.ts'
export type { DocumentLink, Header, Node, NodeFields } from './schema.ts'
export { NODE_DOMAIN } from './schema.ts'

const FIXED_BYTES = [
  BEFORE.version,
  BEFORE.key,
  BEFORE.size,
  BEFORE.event,
  BEFORE.label,
  BEFORE.links,
  BEFORE.height,
  BEFORE.parents,
  BEFORE.frontier,
]
  .map(bytes => bytes.length)
  .reduce((sum, length) => sum + length, FRONTIER_DIGITS + 32 + 32 + LABEL_BYTES)
const BODY_AT = BEFORE.sig.length + 64 + BEFORE.body.length

/** Returns the message that a node's signature covers. */
export function signingBytes(body: Uint8Array): Uint8Array {
  return concat([NODE_DOMAIN, body])
}

/** Returns the header of a body, as `encodeBody` made it, and its signature of 64 bytes. */
export function encodeHeader(body: Uint8Array, sig: Uint8Array): Uint8Array {
  const out = new Writer(BODY_AT + body.length)
  putSignature(out, sig)
  out.put(body)
  return out.bytes
}

/** Returns the item of a header whose text the source has and does not send. */
export function withTextAside(header: Uint8Array): Uint8Array {
  return concat([header, Uint8Array.of(TEXT_ASIDE)])
}

/** Returns the item of a header and its text. */
export function encodeItem(header: Uint8Array, text: Uint8Array): Uint8Array {
  return concat([header, text])
}

function putSignature(out: Writer, sig: Uint8Array): void {
  if (sig.length !== 64) throw new TypeError(`a signature must have 64 bytes, not ${sig.length}`)
  out.put(BEFORE.sig)
  out.put(sig)
  out.put(BEFORE.body)
}

/**
 * Returns the bytes of `body` for these fields.
 * @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE (text too long)
 */
export function encodeBody(fields: NodeFields): Uint8Array {
  const out = new Writer(bodyBytes(fields))
  putBody(out, fields)
  return out.bytes
}

/** Checks the fields and returns the size of their body in bytes. */
function bodyBytes(fields: NodeFields): number {
  checkFields(fields)
  const { size, links, height, parents } = fields
  const heads = headSize(NODE_VERSION) + headSize(size) + headSize(links.length) + headSize(height)
  const linkBytes = (links.length + parents.length) * LINK_BYTES
  return FIXED_BYTES + heads + headSize(parents.length) + linkBytes
}

function putBody(out: Writer, { key, size, event, label, links, height, parents, frontier }: NodeFields): void {
  out.put(BEFORE.version)
  out.head(MAJOR.uint, NODE_VERSION)
  out.put(BEFORE.key)
  out.put(key)
  out.put(BEFORE.size)
  out.head(MAJOR.uint, size)
  out.put(BEFORE.event)
  out.put(event)
  out.put(BEFORE.label)
  out.put(label)
  out.put(BEFORE.links)
  out.head(MAJOR.array, links.length)
  for (const { codec, digest } of links) out.link(CODEC_BYTE[codec], digest)
  out.put(BEFORE.height)
  out.head(MAJOR.uint, height)
  out.put(BEFORE.parents)
  out.head(MAJOR.array, parents.length)
  for (const digest of parents) out.link(CODEC_BYTE['dag-cbor'], digest)
  out.put(BEFORE.frontier)
  out.latin1(frontier.slice(-FRONTIER_DIGITS))
}

function checkFields({ key, size, event, label, links, height, parents, frontier }: NodeFields): void {
  want(key.length === 32, 'a key must have 32 bytes')
  want(Number.isSafeInteger(size) && size >= 0, 'size is not an unsigned safe integer')
  want(size <= NODE_LIMITS.eventBytesMax, 'the text is too long', 'ERR_NODE_SIZE')
  want(event.length === 32, 'the digest of a text has 32 bytes')
  want(label.length === LABEL_BYTES, `a label has ${LABEL_BYTES} bytes`)
  want(links.length <= NODE_LIMITS.linksMax, `more than ${NODE_LIMITS.linksMax} links`)
  want(parents.length <= NODE_LIMITS.parentsMax, `more than ${NODE_LIMITS.parentsMax} parents`)
  links.forEach(({ codec, digest }, i) => {
    want(
      Object.hasOwn(CODEC_BYTE, codec) && digest.length === 32,
      'a link must have codec dag-cbor or raw and 32 bytes',
    )
    want(i === 0 || compareLinks(links[i - 1]!, { codec, digest }) < 0, 'links are repeated or not sorted')
  })
  parents.forEach((digest, i) => {
    want(digest.length === 32, 'a parent must have 32 bytes')
    want(i === 0 || compare(parents[i - 1]!, digest) < 0, 'parents are repeated or not sorted')
  })
  want(Number.isSafeInteger(height) && height >= 0, 'height is not an unsigned safe integer')
  want((height === 0) === (parents.length === 0), 'height must be 0 exactly if there are no parents')
  want(isFrontierId(frontier), 'a frontier name must be vfr_ and 16 lower-case hex digits')
}

/** Compares links as their CIDs compare by bytes: raw before dag-cbor, then by digest. */
export function compareLinks(a: DocumentLink, b: DocumentLink): number {
  return CODEC_BYTE[a.codec] - CODEC_BYTE[b.codec] || compare(a.digest, b.digest)
}

function want(holds: boolean, reason: string, code: ErrorCode = 'ERR_NODE_SHAPE'): void {
  if (!holds) throw new ReplicaError(code, `not a header: ${reason}`)
}

function headSize(argument: number): number {
  if (argument < 24) return 1
  if (argument < 2 ** 8) return 2
  if (argument < 2 ** 16) return 3
  return argument < 2 ** 32 ? 5 : 9
}

/** Fills a buffer of fixed size from left to right. */
class Writer {
  readonly bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  put(part: Uint8Array): void {
    this.bytes.set(part, this.#at)
    this.#at += part.length
  }

  latin1(text: string): void {
    this.#at += this.bytes.write(text, this.#at, 'latin1')
  }

  link(codec: number, digest: Digest): void {
    this.put(LINK_HEAD)
    this.#at = this.bytes.writeUInt8(codec, this.#at)
    this.put(LINK_HASH)
    this.put(digest)
  }

  /** Writes the shortest head for an argument up to 2^53 − 1. */
  head(major: number, argument: number): void {
    const { bytes } = this
    const size = headSize(argument)
    const info = size === 1 ? argument : 23 + Math.ceil(Math.log2(size))
    this.#at = bytes.writeUInt8(major * 32 + info, this.#at)
    if (size === 9) this.#at = bytes.writeUInt32BE(Math.floor(argument / 2 ** 32), this.#at)
    if (size >= 5) this.#at = bytes.writeUInt32BE(argument % 2 ** 32, this.#at)
    else if (size > 1) this.#at = bytes.writeUIntBE(argument, this.#at, size - 1)
  }
}
