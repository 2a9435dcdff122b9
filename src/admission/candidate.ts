// A block's own checks: form, frontier, event text.
// A candidate is what the gate needs of a node, read once.
// Spec: protocol/admission.md, D29.

import { type Digest, equals, type HashedBlock, sha256 } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import type { SignatureJob } from '../crypto/verifier-pool.ts'
import { checkedLabel } from '../event/event.ts'
import { decodeNode, NODE_DOMAIN, type Node } from '../node/node.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { NodeEntry, TextState } from '../store/store.ts'

/** A node with valid form, before its signature is verified. */
export interface Candidate extends NodeEntry {
  /** The key that it names as its signer, 32 bytes. */
  readonly key: Uint8Array
  /** The documents that it links. */
  readonly links: readonly DocumentLink[]
  /** This process signed it. */
  readonly isOwn?: true
  /** Its source has the text and did not send it, because it does not match the filter. */
  readonly isTextAside?: true
}

/** A refused block, with the reason. */
export interface Refusal {
  readonly digest: Digest
  readonly code: ErrorCode
}

/** A candidate whose signature is still to be verified. */
export interface Examined {
  readonly candidate: Candidate
  /** The verification of its signature. */
  readonly job: SignatureJob
}

/** Checks form, frontier and event text of a block. Does not verify the signature. */
export function examine(block: HashedBlock, frontier: string): Examined | Refusal {
  try {
    const node = decodeNode(block)
    if (node.frontier !== frontier) return { digest: node.digest, code: 'ERR_NODE_FRONTIER' }
    if (node.text !== undefined && !equals(sha256(node.text), node.event)) {
      return { digest: node.digest, code: 'ERR_NODE_TEXT' }
    }
    const job = { key: node.key, sig: node.sig, message: [NODE_DOMAIN, node.body] }
    const candidate = candidateOf(node, textState(node))
    return { candidate: node.isTextAside ? { ...candidate, isTextAside: true } : candidate, job }
  } catch (error) {
    if (!(error instanceof ReplicaError)) throw error
    return { digest: block.digest, code: error.code }
  }
}

/** Reads a held block, which passed `examine` before it was held and still has the same digest. */
export function readHeld(bytes: Uint8Array): Candidate {
  const node = decodeNode(bytes)
  return candidateOf(node, node.text === undefined ? 'wanted' : 'here')
}

/**
 * A text that breaks the rules of events is void: no replica keeps it, and its header stays a node
 * like any other.
 */
function textState({ text, label }: Node): TextState {
  if (text === undefined) return 'wanted'
  try {
    return equals(checkedLabel(text), label) ? 'here' : 'void'
  } catch (error) {
    if (error instanceof ReplicaError) return 'void'
    throw error
  }
}

function candidateOf(node: Node, text: TextState): Candidate {
  const { digest, header, parents, height, key, links, label, event } = node
  const bytes = text === 'here' ? node.bytes : header
  return { digest, bytes, headerBytes: header.length, text, parents, height, key, links, label, event }
}
