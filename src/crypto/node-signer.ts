// Signs headers: a single one, or a chain in which each node is the parent of the next. Also packs
// what the signing thread needs and returns: signing covers the header only, so the thread never
// sees a text.

import { asBuffer, concat, type Digest, sha256 } from '../base/bytes.ts'
import { encodeBody, encodeHeader, type NodeFields, signingBytes } from '../node/node.ts'
import type { Key } from './key.ts'

/** A signed header. */
export interface SignedHeader {
  readonly header: Uint8Array
  /** SHA-256 of `header`. */
  readonly digest: Digest
}

/**
 * Encodes and signs a header.
 * @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE
 */
export function signHeader(key: Key, fields: Omit<NodeFields, 'key'>): SignedHeader {
  const body = encodeBody({ ...fields, key: key.publicKeyBytes })
  const header = encodeHeader(body, key.sign(signingBytes(body)))
  return { header, digest: sha256(header) }
}

/** The members of a header that are about its text. */
export type TextReference = Pick<NodeFields, 'size' | 'event' | 'label'>

/** The position of a chain of nodes in a frontier. */
export interface ChainStart {
  readonly frontier: string
  /** Parents of the first node, ascending, without duplicates. */
  readonly parents: readonly Digest[]
  /** Height of the first node. */
  readonly height: number
}

/**
 * Signs a chain with one header for each text.
 * @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE
 */
export function signChain(key: Key, start: ChainStart, texts: readonly TextReference[]): SignedHeader[] {
  const { frontier, height } = start
  const nodes: SignedHeader[] = []
  for (const [i, { size, event, label }] of texts.entries()) {
    const parents = i === 0 ? start.parents : [nodes[i - 1]!.digest]
    nodes.push(signHeader(key, { frontier, size, event, label, links: [], parents, height: height + i }))
  }
  return nodes
}

/** A chain for the signing thread. */
export interface PackedChain extends ChainStart {
  /** 44 bytes for each text: size (4), event (32), label (8). */
  readonly texts: Uint8Array<ArrayBuffer>
}

/** Signed headers of the signing thread, in buffers that can be transferred. */
export interface PackedHeaders {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The offset at which each header ends. */
  readonly ends: Uint32Array<ArrayBuffer>
  /** SHA-256 of each header (32 bytes), concatenated. */
  readonly digests: Uint8Array<ArrayBuffer>
}

const TEXT_BYTES = 44

/** Copies what headers say of their texts into a new buffer. */
export function packTexts(texts: readonly TextReference[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(texts.length * TEXT_BYTES)
  const view = new DataView(packed.buffer)
  for (const [i, { size, event, label }] of texts.entries()) {
    view.setUint32(i * TEXT_BYTES, size)
    packed.set(event, i * TEXT_BYTES + 4)
    packed.set(label, i * TEXT_BYTES + 36)
  }
  return packed
}

/** Returns the packed references, their bytes as views. */
export function unpackTexts(packed: Uint8Array): TextReference[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  return Array.from({ length: packed.length / TEXT_BYTES }, (_, i) => {
    const at = i * TEXT_BYTES
    return {
      size: view.getUint32(at),
      event: packed.subarray(at + 4, at + 36),
      label: packed.subarray(at + 36, at + 44),
    }
  })
}

/** Copies signed headers into new buffers. */
export function packHeaders(nodes: readonly SignedHeader[]): PackedHeaders {
  const ends = new Uint32Array(nodes.length)
  let end = 0
  for (const [i, { header }] of nodes.entries()) {
    end += header.length
    ends[i] = end
  }
  const bytes = Uint8Array.from(concat(nodes.map(({ header }) => header)))
  const digests = Uint8Array.from(concat(nodes.map(({ digest }) => digest)))
  return { bytes, ends, digests }
}

/** Returns the packed headers as views. */
export function unpackHeaders({ bytes, ends, digests }: PackedHeaders): SignedHeader[] {
  const all = asBuffer(digests)
  return Array.from(ends, (end, i) => ({
    header: bytes.subarray(ends[i - 1] ?? 0, end),
    digest: all.subarray(32 * i, 32 * (i + 1)),
  }))
}
