// A node that this process has signed itself a moment ago. Nobody else can make one: it is how the gate knows, without a
// flag that anybody could set, that a signature holds because it was just computed. Everything else about such a node
// is judged as for any other. Specification: protocol/admission.md, D30.

import { encodeBody, encodeNode, type NodeFields, signingBytes } from '../codec/node.ts'
import type { Key } from './key.ts'

export class SignedNode {
  readonly bytes: Uint8Array

  private constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Encodes and signs. The bytes must not be changed afterwards. @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE */
  static make(key: Key, fields: Omit<NodeFields, 'key'>): SignedNode {
    const body = encodeBody({ ...fields, key: key.publicKeyBytes })
    return new SignedNode(encodeNode(body, key.sign(signingBytes(body))))
  }
}
