// Argument checks that the engines share. A violation is a mistake of the caller, because the gate
// checks nodes before it commits them: it throws a TypeError before anything is changed. Only the
// name of a frontier, which a person may have typed, is refused with a code.

import { compare, type Digest, DigestMap, digestKey, equals, sha256 } from '../base/bytes.ts'
import { type ErrorFacts, ReplicaError } from '../base/errors.ts'
import { COMMIT_LIMITS, DOCUMENT_LIMITS, NODE_LIMITS, STORE_LIMITS } from '../base/limits.ts'
import type { DocumentBlock } from '../node/document-chunks.ts'
import type { HeldNode, NodeEntry, RecordChange, TextChange, Wait } from './store.ts'

/**
 * @throws ReplicaError ERR_FRONTIER_ID if `name` is not 1 to 64 printable ASCII characters without
 *   spaces
 */
export function checkStreamName(name: string): void {
  if (name.length <= NODE_LIMITS.frontierNameBytesMax && /^[\x21-\x7e]+$/.test(name)) return
  throw new ReplicaError('ERR_FRONTIER_ID', 'the name of a frontier has 1 to 64 printable ASCII characters')
}

/** Returns the error ERR_FRONTIER_UNKNOWN. */
export function unknownFrontier(name: string): ReplicaError {
  return new ReplicaError('ERR_FRONTIER_UNKNOWN', `the store does not have the frontier ${name}`)
}

/** The parents of the nodes of one commit. */
export interface ParentIndexes {
  /** Parents that are not in the commit, without duplicates. */
  readonly outside: readonly Digest[]
  /**
   * For each parent of each node: its index in the commit, or `-1 - index` if it is in `outside`.
   */
  readonly parents: readonly (readonly number[])[]
}

/**
 * Checks the limits of a commit and the order of its nodes: a parent precedes its child, and no
 * node occurs twice. `stored` is the number of nodes in the log.
 * @throws TypeError for a violation
 */
export function checkNodes(nodes: readonly NodeEntry[], stored: number): ParentIndexes {
  if (nodes.length > COMMIT_LIMITS.nodesMax) throw new TypeError(`a commit has at most ${COMMIT_LIMITS.nodesMax} nodes`)
  if (stored + nodes.length > STORE_LIMITS.seqMax)
    throw new TypeError('the sequence numbers of the frontier are exhausted')
  const positions = new DigestMap<number>()
  let bytes = 0
  for (const [at, node] of nodes.entries()) {
    checkNode(node)
    bytes += node.bytes.length
    positions.set(node.digest, at)
  }
  if (positions.size < nodes.length) throw new TypeError('the commit has a node twice')
  if (bytes > COMMIT_LIMITS.bytesMax) throw new TypeError(`a commit has at most ${COMMIT_LIMITS.bytesMax} bytes`)
  const outside: Digest[] = []
  const outsidePositions = new DigestMap<number>()
  const parents = nodes.map((node, at) =>
    node.parents.map(parent => {
      const inside = positions.get(parent)
      if (inside !== undefined && inside >= at) throw new TypeError('a node precedes its parent')
      const position = inside ?? outsidePositions.get(parent)
      if (position !== undefined) return position
      outside.push(parent)
      outsidePositions.set(parent, -outside.length)
      return -outside.length
    }),
  )
  return { outside, parents }
}

/** Checks the size of a change of texts. A node is named once. */
export function checkTextChanges(changes: readonly TextChange[]): void {
  if (changes.length > COMMIT_LIMITS.nodesMax) {
    throw new TypeError(`a change of texts has at most ${COMMIT_LIMITS.nodesMax} nodes`)
  }
  if (new Set(changes.map(({ seq }) => seq)).size < changes.length) throw new TypeError('a node is changed twice')
  const bytes = changes.reduce((sum, change) => sum + ('text' in change ? change.text.length : 0), 0)
  if (bytes > COMMIT_LIMITS.bytesMax) throw new TypeError(`texts have at most ${COMMIT_LIMITS.bytesMax} bytes`)
}

/** @throws TypeError for a text that does not hash to `event` */
export function checkText(text: Uint8Array, event: Digest): void {
  if (text.length === 0 || !equals(sha256(text), event)) throw new TypeError('the text is not that of the node')
}

function checkNode(node: NodeEntry): void {
  const { headerBytes } = node
  if (!Number.isInteger(headerBytes) || headerBytes < 1 || headerBytes > node.bytes.length || headerBytes > 0xffff) {
    throw new TypeError('the size of a header is within the item')
  }
  if ((node.text === 'here') !== node.bytes.length > headerBytes) throw new TypeError('the text is not where it says')
  checkLength(node.digest, 32, 'digest')
  checkLength(node.event, 32, 'event digest')
  checkLength(node.label, 8, 'label')
  for (const parent of node.parents) checkLength(parent, 32, 'parent')
  if (node.parents.length > NODE_LIMITS.parentsMax) throw new TypeError('a node has too many parents')
  if (!Number.isInteger(node.height) || node.height < 0 || node.height > STORE_LIMITS.seqMax) {
    throw new TypeError('a height is an integer of at most 32 bits')
  }
}

/** Checks keys, sizes and duplicates of record changes. @throws TypeError for a violation */
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

/**
 * Returns the UTF-8 bytes of a record's key.
 * @throws TypeError if they are not 1 to 512, or `key` is not well-formed
 */
export function checkKey(key: string): Buffer {
  const bytes = textBytes(key)
  if (bytes.length === 0 || bytes.length > STORE_LIMITS.recordKeyBytesMax) {
    throw new TypeError(`a record's key has 1 to ${STORE_LIMITS.recordKeyBytesMax} bytes`)
  }
  return bytes
}

/**
 * Returns the UTF-8 bytes of `text`.
 * @throws TypeError for text with lone surrogates, which cannot be encoded
 */
export function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.toString('utf8') !== text) throw new TypeError("a record's key is well-formed text")
  return bytes
}

/** Checks the lengths of held nodes' fields. @throws TypeError for a violation */
export function checkHeld(nodes: readonly HeldNode[]): void {
  for (const node of nodes) {
    checkLength(node.digest, 32, 'digest')
    checkLength(node.key, 32, 'key')
    checkLength(node.from, 32, "peer's key")
    checkWait(node.wait)
  }
}

/** Checks the sizes of blocks. @throws TypeError for a violation */
export function checkBlocks(blocks: readonly DocumentBlock[]): void {
  let bytes = 0
  for (const block of blocks) {
    checkLength(block.digest, 32, 'digest')
    if (block.bytes.length > DOCUMENT_LIMITS.blockBytesMax) throw new TypeError('a block of a document is too large')
    bytes += block.bytes.length
  }
  if (bytes > COMMIT_LIMITS.bytesMax) throw new TypeError(`a put has at most ${COMMIT_LIMITS.bytesMax} bytes`)
}

/** Kinds of waits. The index of a kind represents it on disk. */
export const WAIT_KINDS = ['parent', 'key', 'cut', 'document'] as const satisfies readonly Wait['kind'][]

/** @throws TypeError for an unknown kind or an id that is not 32 bytes */
export function checkWait(wait: Wait): void {
  checkLength(wait.id, 32, 'id of a wait')
  if (!WAIT_KINDS.includes(wait.kind)) throw new TypeError('unknown kind of wait')
}

/** Returns a wait as a Map key. Keys compare as kind, then id. */
export function waitKey(wait: Wait): string {
  return String.fromCharCode(WAIT_KINDS.indexOf(wait.kind)) + digestKey(wait.id)
}

/** Orders waits: most nodes first, then by kind and id. */
export function compareWaits(a: { wait: Wait; nodes: number }, b: { wait: Wait; nodes: number }): number {
  const kinds = WAIT_KINDS.indexOf(a.wait.kind) - WAIT_KINDS.indexOf(b.wait.kind)
  return b.nodes - a.nodes || kinds || compare(a.wait.id, b.wait.id)
}

function checkLength(bytes: Digest, length: number, name: string): void {
  if (bytes.length !== length) throw new TypeError(`a ${name} has ${length} bytes, not ${bytes.length}`)
}

/**
 * Returns the error ERR_STORE_CORRUPT: data on disk differs from what was written. `facts` name the
 * frontier and the sequence number where one node is affected. Callers never report this error as
 * "not found".
 */
export function corruptionError(reason: string, facts: ErrorFacts = {}, cause?: unknown): ReplicaError {
  return new ReplicaError('ERR_STORE_CORRUPT', reason, { facts, cause })
}
