// Builds signed nodes for tests and benchmarks. Equal arguments give equal bytes.

import { compare, concat, type Digest, sha256 } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import type { Key } from '../../src/crypto/key.ts'
import { eventIdPrefixOf } from '../../src/event/event-scanner.ts'
import { type DocumentLink, encodeBody, encodeHeader, signingBytes } from '../../src/node/node.ts'
import type { NodeEntry } from '../../src/store/store.ts'

/** A node that others can be built on, whether it is admitted or not. */
export type Made = NodeEntry

export interface NodeParts {
  /** The text, whatever it is. */
  readonly event: Uint8Array
  readonly frontier: string
  /** In any order. */
  readonly parents?: readonly Pick<Made, 'digest' | 'height'>[]
  readonly links?: readonly DocumentLink[]
  /** Default: the height that follows from the parents. */
  readonly height?: number
  /** Default: the signature of the key. */
  readonly sig?: Uint8Array
}

/** Returns what a header says of a text; a text without an id has a label of zeros. */
export function referenceTo(text: Uint8Array): { size: number; event: Digest; label: Uint8Array } {
  return { size: text.length, event: sha256(text), label: labelOf(text) }
}

function labelOf(text: Uint8Array): Uint8Array {
  try {
    return eventIdPrefixOf(text)
  } catch (error) {
    if (error instanceof ReplicaError) return new Uint8Array(8)
    throw error
  }
}

/** Returns a node with these parts by `key`, as the gate would commit it. */
export function buildNode(key: Pick<Key, 'publicKeyBytes' | 'sign'>, parts: NodeParts): Made {
  const { event: text, frontier, parents: on = [], links = [] } = parts
  const height = parts.height ?? on.reduce((max, parent) => Math.max(max, parent.height + 1), 0)
  const parents = on.map(parent => parent.digest).sort(compare)
  const { size, event, label } = referenceTo(text)
  const body = encodeBody({ key: key.publicKeyBytes, size, event, label, links, height, parents, frontier })
  const header = encodeHeader(body, parts.sig ?? key.sign(signingBytes(body)))
  const bytes = concat([header, text])
  return { digest: sha256(header), bytes, headerBytes: header.length, text: 'here', parents, height, label, event }
}

/** Returns `count` nodes, each a child of the one before it, the first a child of `root`. */
export function buildChain<N>(
  count: number,
  root: N | undefined,
  make: (index: number, parents: readonly N[]) => N,
): N[] {
  const nodes: N[] = []
  for (let index = 0; index < count; index++) {
    const parent = nodes.at(-1) ?? root
    nodes.push(make(index, parent === undefined ? [] : [parent]))
  }
  return nodes
}
