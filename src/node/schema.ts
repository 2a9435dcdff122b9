// Fields of a node, and the bytes that are the same in every node. The encoder and the decoder both
// use this file. Spec: protocol/node.md.

import type { Digest } from '../base/bytes.ts'
import type { LinkCodec } from '../cbor/cid.ts'

/** Signature domain: the signature covers these bytes and then `body`. */
export const NODE_DOMAIN: Uint8Array = latin1('replica/node/1\n')

/** Link to a document: `raw` for its bytes, `dag-cbor` for its chunk list. */
export interface DocumentLink {
  codec: LinkCodec
  digest: Digest
}

/** The signed fields of a node. */
export interface NodeFields {
  /** Ed25519 public key of the replica that made the node, 32 bytes. */
  key: Uint8Array
  /** Canonical JSON of the event, UTF-8. */
  event: Uint8Array
  /** Ascending by codec (raw first), then digest; no repeats. */
  links: readonly DocumentLink[]
  /** 0 without parents, else the greatest height of a parent plus 1. */
  height: number
  /** Ascending, no repeats. */
  parents: readonly Digest[]
  /** `vfr_` and 16 lower-case hex digits. */
  frontier: string
}

/** A decoded node. Its byte members are views into `bytes`. */
export interface Node extends NodeFields {
  bytes: Uint8Array
  /** SHA-256 of `bytes`, which the CID of the node contains. Computed on first use. */
  readonly digest: Digest
  /** Ed25519 signature over NODE_DOMAIN and `body`, 64 bytes. */
  sig: Uint8Array
  /** The bytes of the body map. */
  body: Uint8Array
}

/** The fixed bytes between the members, by the member that follows them. */
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

/** Start of a link: tag 42, 37 bytes, 0x00 (binary), CID version 1. The codec follows. */
export const LINK_HEAD: Uint8Array = latin1('\xd8\x2a\x58\x25\x00\x01')
/** After the codec: sha2-256 and the length of the digest. The digest follows. */
export const LINK_HASH: Uint8Array = latin1('\x12\x20')
/** Size of a link in bytes. */
export const LINK_BYTES = LINK_HEAD.length + 1 + LINK_HASH.length + 32

/** Hex digits of a frontier name after `vfr_`. */
export const FRONTIER_DIGITS = 16

function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}
