// Builds signed nodes for tests and benchmarks. Equal arguments give equal bytes.

import { compare, type Digest, sha256 } from '../../src/base/bytes.ts'
import type { Key } from '../../src/crypto/key.ts'
import { type DocumentLink, encodeBody, encodeNode, signingBytes } from '../../src/node/node.ts'

/** A node that others can be built on, whether it is admitted or not. */
export interface Made {
  readonly bytes: Uint8Array
  readonly digest: Digest
  readonly height: number
}

export interface NodeParts {
  /** Canonical JSON of the event, UTF-8. */
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

/** Returns a node with these parts by `key`. */
export function buildNode(key: Pick<Key, 'publicKeyBytes' | 'sign'>, parts: NodeParts): Made {
  const { event, frontier, parents = [], links = [] } = parts
  const height = parts.height ?? parents.reduce((max, parent) => Math.max(max, parent.height + 1), 0)
  const body = encodeBody({
    key: key.publicKeyBytes,
    event,
    links,
    height,
    parents: parents.map(parent => parent.digest).sort(compare),
    frontier,
  })
  const bytes = encodeNode(body, parts.sig ?? key.sign(signingBytes(body)))
  return { bytes, digest: sha256(bytes), height }
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
