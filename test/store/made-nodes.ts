// Nodes for store tests: any bytes with their digest will do, since a store knows no format. Each says in its bytes who
// its parents are, so that two with equal parents still differ, and everything is made from a name and nothing random.

import { concat, type Digest, sha256, utf8 } from '../../src/base/bytes.ts'
import type { DocumentBlock } from '../../src/node/document-chunks.ts'
import type { HeldNode, NodeEntry, Wait } from '../../src/store/store.ts'

export interface MadeNode {
  /** Bytes of the node; 300 when absent. */
  size?: number
  /** What its event is called; its own name when absent. Nodes of one event have one label. */
  event?: string
  label?: Uint8Array
}

export function madeNode(name: string, parents: readonly NodeEntry[] = [], made: MadeNode = {}): NodeEntry {
  const head = concat([utf8(`${name}\n`), ...parents.map(parent => parent.digest)])
  const filler = sha256(head)
  const bytes = Buffer.alloc(Math.max(made.size ?? 300, head.length))
  for (let at = 0; at < bytes.length; at += 32) bytes.set(filler.subarray(0, Math.min(32, bytes.length - at)), at)
  bytes.set(head)
  const event = sha256(utf8(made.event ?? name))
  return {
    digest: sha256(bytes),
    bytes,
    parents: parents.map(parent => parent.digest),
    height: 1 + Math.max(-1, ...parents.map(parent => parent.height)),
    label: made.label ?? sha256(event).subarray(0, 8),
    event,
  }
}

/** `count` nodes, each the child of the one before; the first of `root`. */
export function madeChain(name: string, count: number, root?: NodeEntry, made: MadeNode = {}): NodeEntry[] {
  const nodes: NodeEntry[] = []
  for (let at = 0; at < count; at++) {
    const parent = nodes.at(-1) ?? root
    nodes.push(madeNode(`${name} ${at}`, parent === undefined ? [] : [parent], made))
  }
  return nodes
}

export function madeHeld(name: string, wait: Wait, made: { size?: number; from?: Uint8Array } = {}): HeldNode {
  const { digest, bytes } = madeNode(name, [], made)
  return { digest, bytes, key: sha256(utf8(`key of ${name}`)), wait, from: made.from ?? madeKey('peer') }
}

export function madeKey(name: string): Digest {
  return sha256(utf8(name))
}

/** A block of a document: the name, again and again, up to a size. */
export function madeBlock(name: string, size = name.length): DocumentBlock {
  const bytes = Buffer.alloc(size, name)
  return { digest: sha256(bytes), bytes }
}
