// Nodes for store tests. A store does not know a format, so any bytes with their digest will do.
// The bytes contain the parents, so nodes with different parents differ. Everything is derived from
// names; nothing is random.

import { concat, type Digest, sha256, utf8 } from '../../src/base/bytes.ts'
import type { DocumentBlock } from '../../src/node/document-chunks.ts'
import type { HeldNode, NodeEntry, TextState, Wait } from '../../src/store/store.ts'
import { buildChain } from '../support/nodes.ts'

export interface MadeNode {
  /** Size of the node in bytes. Default 300. */
  size?: number
  /**
   * Name of the event. Default: the name of the node. Nodes with the same event have the same
   * label.
   */
  event?: string
  label?: Uint8Array
  text?: TextState
}

export function madeNode(name: string, parents: readonly NodeEntry[] = [], made: MadeNode = {}): NodeEntry {
  const head = concat([utf8(`${name}\n`), ...parents.map(parent => parent.digest)])
  const { size = 300 } = made
  const filler = sha256(head)
  const called = utf8(made.event ?? name)
  const header = Buffer.alloc(Math.max(Math.min(size - called.length, 60_000), head.length))
  const text = Buffer.alloc(Math.max(size - header.length, called.length), ' ')
  text.set(called)
  for (let at = 0; at < header.length; at += 32) header.set(filler.subarray(0, Math.min(32, header.length - at)), at)
  header.set(head)
  const event = sha256(text)
  const state = made.text ?? 'here'
  return {
    digest: sha256(header),
    bytes: state === 'here' ? concat([header, text]) : header,
    headerBytes: header.length,
    text: state,
    parents: parents.map(parent => parent.digest),
    height: 1 + Math.max(-1, ...parents.map(parent => parent.height)),
    label: made.label ?? sha256(event).subarray(0, 8),
    event,
  }
}

/** Returns a chain of `count` nodes. The first is a child of `root`. */
export function madeChain(name: string, count: number, root?: NodeEntry, made: MadeNode = {}): NodeEntry[] {
  return buildChain(count, root, (index, parents) => madeNode(`${name} ${index}`, parents, made))
}

export function madeHeld(name: string, wait: Wait, made: { size?: number; from?: Uint8Array } = {}): HeldNode {
  const { digest, bytes, headerBytes, event } = madeNode(name, [], made)
  return {
    digest,
    bytes,
    headerBytes,
    event,
    key: sha256(utf8(`key of ${name}`)),
    wait,
    from: made.from ?? madeKey('peer'),
  }
}

export function madeKey(name: string): Digest {
  return sha256(utf8(name))
}

/** Returns a block of a document: the name, repeated up to a size. */
export function madeBlock(name: string, size = name.length): DocumentBlock {
  const bytes = Buffer.alloc(size, name)
  return { digest: sha256(bytes), bytes }
}
