// Nodes as callers see them: CIDs and ids as text, bytes beside. Only here and at the edges of the API do CIDs exist as text.

import { toHex } from '../base/bytes.ts'
import { cidText } from '../cbor/cid.ts'
import { EventView } from '../event/event-view.ts'
import { decodeNode, type Node } from '../node/node.ts'
import type { NodeRow } from '../store/store.ts'

/** A stored node. `seq` is its place in this store's log and means nothing elsewhere. */
export interface NodeView {
  readonly seq: number
  readonly cid: string
  readonly height: number
  readonly parents: readonly string[]
  readonly links: readonly string[]
  /** Public key that signed the node, 64 hex digits. */
  readonly key: string
  readonly frontier: string
  readonly bytes: Uint8Array
  readonly event: EventView
}

export function nodeView(row: NodeRow): NodeView {
  const node = decodeNode(row.bytes)
  return { seq: row.seq, ...describe(node), event: new EventView(node.event) }
}

function describe(node: Node): Omit<NodeView, 'seq' | 'event'> {
  return {
    cid: cidText(node.digest),
    height: node.height,
    parents: node.parents.map(parent => cidText(parent)),
    links: node.links.map(link => cidText(link.digest, link.codec)),
    key: toHex(node.key),
    frontier: node.frontier,
    bytes: node.bytes,
  }
}
