// What a node is made of: its fields, and the bytes that are the same in every node (protocol/node.md). The encoder and
// the decoder both take the form from here and from nowhere else.

import type { Digest } from '../base/bytes.ts'
import type { LinkCodec } from '../cbor/cid.ts'

/** What a node's signature covers before the bytes of `body`. */
export const NODE_DOMAIN: Uint8Array = latin1('replica/node/1\n')

/** An attached document: `raw` for the bytes themselves, `dag-cbor` for a list of their chunks. */
export interface DocumentLink {
  codec: LinkCodec
  digest: Digest
}

export interface NodeFields {
  /** Ed25519 public key of the hub that made the node, 32 bytes. */
  key: Uint8Array
  /** The event: UTF-8 of its canonical JSON. */
  event: Uint8Array
  /** Ascending by codec (raw first), then digest; no repeats. */
  links: readonly DocumentLink[]
  /** 0 without parents, else 1 more than the greatest height among them. */
  height: number
  /** Ascending, no repeats. */
  parents: readonly Digest[]
  /** `vfr_` and 16 lower-case hex digits. */
  frontier: string
}

/** A decoded node. Its byte members are views into `bytes`, in the order in which they lie there. */
export interface Node extends NodeFields {
  bytes: Uint8Array
  /** SHA-256 of `bytes`: what the node's CID holds. Computed on first use. */
  readonly digest: Digest
  /** Ed25519 signature over NODE_DOMAIN and `body`, 64 bytes. */
  sig: Uint8Array
  /** The bytes of the body map as they lie in the node. */
  body: Uint8Array
}

/** The fixed bytes between the members, by the member they come before. A head holds major type and short length. */
export const BEFORE = {
  sig: latin1('\xa2\x63sig\x58\x40'),
  body: latin1('\x64body'),
  version: latin1('\xa7\x61v'),
  key: latin1('\x63key\x58\x20'),
  event: latin1('\x65event'),
  links: latin1('\x65links'),
  height: latin1('\x66height'),
  parents: latin1('\x67parents'),
  frontier: latin1('\x68frontier\x74vfr_'),
} as const satisfies Record<string, Uint8Array>

/** The only version of the format. */
export const NODE_VERSION = 1

/** A link: tag 42 over 37 bytes, these being 0x00 (for binary), CID version 1, the codec … */
export const LINK_HEAD: Uint8Array = latin1('\xd8\x2a\x58\x25\x00\x01')
/** … sha2-256 and the length of the digest, which ends it. */
export const LINK_HASH: Uint8Array = latin1('\x12\x20')
export const LINK_BYTES = LINK_HEAD.length + 1 + LINK_HASH.length + 32

/** Hex digits after `vfr_`. */
export const FRONTIER_DIGITS = 16

function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}
