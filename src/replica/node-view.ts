// Nodes as callers see them: CIDs and ids as text, with the exact bytes.

import { toHex } from '../base/bytes.ts'
import { cidText } from '../cbor/cid.ts'
import { eventIdFromPrefix } from '../event/event.ts'
import { EventView } from '../event/event-view.ts'
import { decodeNode, type Node } from '../node/node.ts'
import type { NodeRow, TextState } from '../store/store.ts'

/** A stored node. */
export interface NodeView {
  /** Place in this store's log, from 0. It has no meaning in other stores. */
  readonly seq: number
  readonly cid: string
  /** Id of the event: `vev_` and the label in the header. */
  readonly id: string
  /** Length of the longest path to a node without parents. */
  readonly height: number
  /** CIDs of the parents, in byte order of their digests. */
  readonly parents: readonly string[]
  /** CIDs of the linked documents. */
  readonly links: readonly string[]
  /** Public key that signed the node, 64 hex digits. */
  readonly key: string
  readonly frontier: string
  /** The header: signed DAG-CBOR, whose SHA-256 is in the CID. Must not be changed. */
  readonly bytes: Uint8Array
  /** Where the text is. */
  readonly text: TextState
  /** The event; undefined unless the text is `here`. */
  readonly event: EventView | undefined
}

export function nodeView(row: NodeRow): NodeView {
  const node = decodeNode(row.bytes)
  const { text } = node
  const event = text === undefined ? undefined : new EventView(text)
  return { seq: row.seq, ...describe(node), text: row.text, event }
}

function describe(node: Node): Omit<NodeView, 'seq' | 'text' | 'event'> {
  return {
    id: eventIdFromPrefix(node.label),
    cid: cidText(node.digest),
    height: node.height,
    parents: node.parents.map(parent => cidText(parent)),
    links: node.links.map(link => cidText(link.digest, link.codec)),
    key: toHex(node.key),
    frontier: node.frontier,
    bytes: node.header,
  }
}
