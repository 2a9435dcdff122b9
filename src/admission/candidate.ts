// A node on its way in: what the gate needs of it to judge, read once. `examine` makes the checks that a block passes by
// itself (form, frontier, event), `reread` skips them for a block that passed them before it was held.
// Specification: protocol/admission.md, D29.

import { type Digest, type HashedBlock, sha256 } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import type { SignatureJob } from '../crypto/verifier-pool.ts'
import { checkedLabel } from '../event/event.ts'
import { eventIdPrefixOf } from '../event/event-scanner.ts'
import { decodeNode, NODE_DOMAIN, type Node } from '../node/node.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { NodeEntry } from '../store/store.ts'

export interface Candidate extends NodeEntry {
  /** The key it says it is signed by. */
  readonly key: Uint8Array
  /** The documents it links. */
  readonly links: readonly DocumentLink[]
}

export interface Refusal {
  readonly digest: Digest
  readonly code: ErrorCode
}

export interface Examined {
  readonly candidate: Candidate
  /** The check of its signature, still to be made. */
  readonly job: SignatureJob
}

export function examine(block: HashedBlock, frontier: string): Examined | Refusal {
  try {
    const node = decodeNode(block)
    if (node.frontier !== frontier) return { digest: node.digest, code: 'ERR_NODE_FRONTIER' }
    const label = checkedLabel(node.event)
    const job = { key: node.key, sig: node.sig, message: [NODE_DOMAIN, node.body] }
    return { candidate: candidateOf(node, label), job }
  } catch (error) {
    if (!(error instanceof ReplicaError)) throw error
    return { digest: block.digest, code: error.code }
  }
}

/** For bytes that `examine` accepted once and that hash to the same digest still. */
export function readHeld(bytes: Uint8Array): Candidate {
  const node = decodeNode(bytes)
  return candidateOf(node, eventIdPrefixOf(node.event))
}

function candidateOf(node: Node, label: Uint8Array): Candidate {
  const { digest, bytes, parents, height, key, links, event } = node
  return { digest, bytes, parents, height, key, links, label, event: sha256(event) }
}
