// Signs nodes: a single one, or a chain in which each node is the parent of the next. Also packs
// events and nodes for the way between threads: byte strings are concatenated in one buffer, with
// the offset at which each ends.

import { asBuffer, concat, type Digest, sha256 } from '../base/bytes.ts'
import { encodeSigned, type NodeFields } from '../node/node.ts'
import type { Key } from './key.ts'

/**
 * Encodes and signs a node. Returns its bytes.
 * @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE, ERR_CBOR
 */
export function signNode(key: Key, fields: Omit<NodeFields, 'key'>): Uint8Array {
  return encodeSigned({ ...fields, key: key.publicKeyBytes }, message => key.sign(message))
}

/** A signed node. */
export interface ChainNode {
  readonly bytes: Uint8Array
  /** SHA-256 of `bytes`. */
  readonly digest: Digest
}

/** The position of a chain of nodes in a frontier. */
export interface ChainStart {
  readonly frontier: string
  /** Parents of the first node, ascending, without duplicates. */
  readonly parents: readonly Digest[]
  /** Height of the first node. */
  readonly height: number
}

/**
 * Signs a chain with one node for each event.
 * @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE, ERR_CBOR
 */
export function signChain(
  key: Key,
  { frontier, parents, height }: ChainStart,
  events: readonly Uint8Array[],
): ChainNode[] {
  const nodes: ChainNode[] = []
  for (const [i, event] of events.entries()) {
    const nodeParents = i === 0 ? parents : [nodes[i - 1]!.digest]
    const bytes = signNode(key, { frontier, event, links: [], parents: nodeParents, height: height + i })
    nodes.push({ bytes, digest: sha256(bytes) })
  }
  return nodes
}

/**
 * Concatenated byte strings in buffers of their own, which can be transferred to another thread.
 */
export interface PackedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The offset at which each byte string ends. */
  readonly ends: Uint32Array<ArrayBuffer>
}

/** Events for the signing thread. */
export interface PackedChain extends PackedBytes, ChainStart {}

/** Signed nodes of the signing thread. */
export interface PackedNodes extends PackedBytes {
  /** SHA-256 of each node (32 bytes), concatenated. */
  readonly digests: Uint8Array<ArrayBuffer>
}

/** Copies byte strings into new buffers. */
export function packBytes(parts: readonly Uint8Array[]): PackedBytes {
  const ends = new Uint32Array(parts.length)
  let end = 0
  for (const [i, part] of parts.entries()) {
    end += part.length
    ends[i] = end
  }
  const bytes = new Uint8Array(end)
  for (const [i, part] of parts.entries()) bytes.set(part, ends[i]! - part.length)
  return { bytes, ends }
}

/** Returns views of the packed byte strings. */
export function unpackBytes({ bytes, ends }: PackedBytes): Uint8Array[] {
  return Array.from(ends, (end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

/** Copies signed nodes into new buffers. */
export function packNodes(nodes: readonly ChainNode[]): PackedNodes {
  const digests = Uint8Array.from(concat(nodes.map(({ digest }) => digest)))
  return { ...packBytes(nodes.map(({ bytes }) => bytes)), digests }
}

/** Returns the packed nodes as views. */
export function unpackNodes({ digests, ...nodes }: PackedNodes): ChainNode[] {
  const all = asBuffer(digests)
  return unpackBytes(nodes).map((bytes, i) => ({ bytes, digest: all.subarray(32 * i, 32 * (i + 1)) }))
}
