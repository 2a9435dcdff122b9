// What both engines refuse before they touch anything. These are mistakes of the calling program, not of a peer or a
// disk: the gate checks nodes before it commits them, so a breach here is a TypeError. Only a frontier's name, which a
// person may have typed, is refused with a code.

import { compare, type Digest, DigestMap, digestKey } from '../base/bytes.ts'
import { type ErrorFacts, ReplicaError } from '../base/errors.ts'
import { COMMIT_LIMITS, DOCUMENT_LIMITS, NODE_LIMITS, STORE_LIMITS } from '../base/limits.ts'
import type { DocumentBlock } from '../node/document-chunks.ts'
import type { HeldNode, NodeEntry, RecordChange, Wait } from './store.ts'

/** @throws ReplicaError ERR_FRONTIER_ID */
export function checkStreamName(name: string): void {
  if (name.length <= NODE_LIMITS.frontierNameBytesMax && /^[\x21-\x7e]+$/.test(name)) return
  throw new ReplicaError('ERR_FRONTIER_ID', 'a frontier has a name of 1 to 64 printable ASCII characters')
}

export function unknownFrontier(name: string): ReplicaError {
  return new ReplicaError('ERR_FRONTIER_UNKNOWN', `this store has no frontier ${name}`)
}

/** How the nodes of a chunk hang together. */
export interface Chunk {
  /** Parents that are not in the chunk, each once. */
  readonly outside: readonly Digest[]
  /** For each parent of each node: its position in the chunk, or, below zero, `-1 - position` in `outside`. */
  readonly parents: readonly (readonly number[])[]
}

/** Checks sizes and order: a parent in the same chunk comes before its child, and no node comes twice. */
export function checkNodes(nodes: readonly NodeEntry[], stored: number): Chunk {
  if (nodes.length > COMMIT_LIMITS.nodesMax) throw new TypeError(`a commit has at most ${COMMIT_LIMITS.nodesMax} nodes`)
  if (stored + nodes.length > STORE_LIMITS.seqMax) throw new TypeError('the frontier has no sequence numbers left')
  const positions = new DigestMap<number>()
  let bytes = 0
  for (const [at, node] of nodes.entries()) {
    checkNode(node)
    bytes += node.bytes.length
    positions.set(node.digest, at)
  }
  if (positions.size < nodes.length) throw new TypeError('the chunk has a node twice')
  if (bytes > COMMIT_LIMITS.bytesMax) throw new TypeError(`a commit has at most ${COMMIT_LIMITS.bytesMax} bytes`)
  const outside: Digest[] = []
  const outsidePositions = new DigestMap<number>()
  const parents = nodes.map((node, at) =>
    node.parents.map(parent => {
      const inside = positions.get(parent)
      if (inside !== undefined && inside >= at) throw new TypeError('a node comes before its parent')
      const position = inside ?? outsidePositions.get(parent)
      if (position !== undefined) return position
      outside.push(parent)
      outsidePositions.set(parent, -outside.length)
      return -outside.length
    }),
  )
  return { outside, parents }
}

function checkNode(node: NodeEntry): void {
  wants(node.digest, 32, 'digest')
  wants(node.event, 32, 'event digest')
  wants(node.label, 8, 'label')
  for (const parent of node.parents) wants(parent, 32, 'parent')
  if (node.parents.length > NODE_LIMITS.parentsMax) throw new TypeError('a node has too many parents')
  if (!Number.isInteger(node.height) || node.height < 0 || node.height > STORE_LIMITS.seqMax) {
    throw new TypeError('a height is a whole number of at most 32 bits')
  }
}

export function checkChanges(changes: readonly RecordChange[]): void {
  const keys = new Set<string>()
  let bytes = 0
  for (const { key, value } of changes) {
    checkKey(key)
    if (keys.has(key)) throw new TypeError('one write changes a record twice')
    keys.add(key)
    bytes += key.length + (value?.length ?? 0)
    if (value !== undefined && value.length > STORE_LIMITS.recordValueBytesMax) {
      throw new TypeError(`a record has at most ${STORE_LIMITS.recordValueBytesMax} bytes`)
    }
  }
  if (bytes > STORE_LIMITS.recordChangesBytesMax) throw new TypeError('one write changes too many bytes of records')
}

/** The bytes of a record's key: 1 to 512 of UTF-8. */
export function checkKey(key: string): Buffer {
  const bytes = textBytes(key)
  if (bytes.length === 0 || bytes.length > STORE_LIMITS.recordKeyBytesMax) {
    throw new TypeError(`a record's key has 1 to ${STORE_LIMITS.recordKeyBytesMax} bytes`)
  }
  return bytes
}

/** UTF-8 of `text`. @throws TypeError for text with lone surrogates, which has none. */
export function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.toString('utf8') !== text) throw new TypeError("a record's key is well-formed text")
  return bytes
}

export function checkHeld(nodes: readonly HeldNode[]): void {
  for (const node of nodes) {
    wants(node.digest, 32, 'digest')
    wants(node.key, 32, 'key')
    wants(node.from, 32, "peer's key")
    checkWait(node.wait)
  }
}

export function checkBlocks(blocks: readonly DocumentBlock[]): void {
  let bytes = 0
  for (const block of blocks) {
    wants(block.digest, 32, 'digest')
    if (block.bytes.length > DOCUMENT_LIMITS.blockBytesMax) throw new TypeError('a block of a document is too large')
    bytes += block.bytes.length
  }
  if (bytes > COMMIT_LIMITS.bytesMax) throw new TypeError(`a put has at most ${COMMIT_LIMITS.bytesMax} bytes`)
}

/** Kinds of waits; the position is the number that stands for the kind on the disk. */
export const WAIT_KINDS = ['parent', 'key', 'cut', 'document'] as const satisfies readonly Wait['kind'][]

export function checkWait(wait: Wait): void {
  wants(wait.id, 32, 'id of what is waited for')
  if (!WAIT_KINDS.includes(wait.kind)) throw new TypeError('unknown kind of wait')
}

/** A wait as a Map key, and its byte order: kind first, then id. */
export function waitKey(wait: Wait): string {
  return String.fromCharCode(WAIT_KINDS.indexOf(wait.kind)) + digestKey(wait.id)
}

/** Most nodes first; the order of kinds and ids decides between equals. */
export function compareWaits(a: { wait: Wait; nodes: number }, b: { wait: Wait; nodes: number }): number {
  const kinds = WAIT_KINDS.indexOf(a.wait.kind) - WAIT_KINDS.indexOf(b.wait.kind)
  return b.nodes - a.nodes || kinds || compare(a.wait.id, b.wait.id)
}

function wants(bytes: Digest, length: number, name: string): void {
  if (bytes.length !== length) throw new TypeError(`a ${name} has ${length} bytes, not ${bytes.length}`)
}

export function corruptionError(reason: string, facts: ErrorFacts = {}, cause?: unknown): ReplicaError {
  return new ReplicaError('ERR_STORE_CORRUPT', reason, { facts, cause })
}
