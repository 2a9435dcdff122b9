// Signing nodes: one, or a run of them in which each stands on the one before, packed for the way between threads: the
// events one behind the other with their ends, the nodes likewise with their digests.

import { asBuffer, concat, type Digest, sha256 } from '../base/bytes.ts'
import { encodeSigned, type NodeFields } from '../node/node.ts'
import type { Key } from './key.ts'

/** The bytes of a node. @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE, ERR_CBOR */
export function signNode(key: Key, fields: Omit<NodeFields, 'key'>): Uint8Array {
  return encodeSigned({ ...fields, key: key.publicKeyBytes }, message => key.sign(message))
}

export interface ChainNode {
  readonly bytes: Uint8Array
  /** SHA-256 of the bytes. */
  readonly digest: Digest
}

/** Where a run of nodes, each on the one before, begins. */
export interface ChainStart {
  readonly frontier: string
  /** Of the first node: ascending, no repeats. */
  readonly parents: readonly Digest[]
  /** Of the first node. */
  readonly height: number
}

/** The nodes of a run that carry these events. */
export function signChain(
  key: Key,
  { frontier, parents, height }: ChainStart,
  events: readonly Uint8Array[],
): ChainNode[] {
  const nodes: ChainNode[] = []
  for (const [i, event] of events.entries()) {
    const on = i === 0 ? parents : [nodes[i - 1]!.digest]
    const bytes = signNode(key, { frontier, event, links: [], parents: on, height: height + i })
    nodes.push({ bytes, digest: sha256(bytes) })
  }
  return nodes
}

/** Byte strings one behind the other, in memory that is theirs alone and may go to another thread. */
export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where each ends. */
  readonly ends: Uint32Array<ArrayBuffer>
}

/** Events for a thread to sign. */
export interface PackedChain extends Packed, ChainStart {}

/** Its nodes. */
export interface PackedNodes extends Packed {
  /** SHA-256 of each node, 32 bytes, one behind the other. */
  readonly digests: Uint8Array<ArrayBuffer>
}

export function packBytes(parts: readonly Uint8Array[]): Packed {
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

/** What was packed, as views. */
export function unpackBytes({ bytes, ends }: Packed): Uint8Array[] {
  return Array.from(ends, (end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

export function packNodes(nodes: readonly ChainNode[]): PackedNodes {
  const digests = Uint8Array.from(concat(nodes.map(({ digest }) => digest)))
  return { ...packBytes(nodes.map(({ bytes }) => bytes)), digests }
}

export function unpackNodes({ digests, ...nodes }: PackedNodes): ChainNode[] {
  const all = asBuffer(digests)
  return unpackBytes(nodes).map((bytes, i) => ({ bytes, digest: all.subarray(32 * i, 32 * (i + 1)) }))
}
