// The fields of a node and the bytes that are equal in every header. The encoder and the decoder
// take the form from this file only. Spec: protocol/node.md, N11 to N19 and N24.

import type { Digest } from '../base/bytes.ts'
import type { LinkCodec } from '../cbor/cid.ts'

/** The bytes in front of `body` in the signed message. */
export const NODE_DOMAIN: Uint8Array = latin1('replica/node/2\n')

/**
 * A linked document: codec `raw` for the bytes themselves, `dag-cbor` for a list of their chunks.
 */
export interface DocumentLink {
  codec: LinkCodec
  digest: Digest
}

/** The signed fields of a header. */
export interface NodeFields {
  /** Ed25519 public key of the replica that made the node, 32 bytes. */
  key: Uint8Array
  /** Length of the event's text in bytes, at most `eventBytesMax`. */
  size: number
  /** SHA-256 of the event's text, 32 bytes. */
  event: Digest
  /** The 8 bytes after `vev_` in the event's id: a label to look up by, never an identity. */
  label: Uint8Array
  /** Ascending by codec (raw first), then by digest; no repeats. */
  links: readonly DocumentLink[]
  /** 0 without parents, else the greatest height of a parent plus 1. */
  height: number
  /** Ascending, no repeats. */
  parents: readonly Digest[]
  /** `vfr_` and 16 lower-case hex digits. */
  frontier: string
}

/**
 * A decoded header. Its byte members are views into `header`, in the order in which they lie there.
 */
export interface Header extends NodeFields {
  /** The bytes of the header. */
  header: Uint8Array
  /** SHA-256 of `header`: the digest in the node's CID. Computed on first use. */
  readonly digest: Digest
  /** Ed25519 signature over NODE_DOMAIN and `body`, 64 bytes. */
  sig: Uint8Array
  /** The bytes of the body map as they lie in the header. */
  body: Uint8Array
}

/** A decoded item: a header and, where the item carries it, the text beside it. */
export interface Node extends Header {
  /** The bytes of the item: the header, then the text. */
  bytes: Uint8Array
  /**
   * The event as canonical JSON, `size` bytes; undefined in an item without its text. Its hash is
   * not checked here.
   */
  text: Uint8Array | undefined
  /** The source has the text and did not send it, because it does not match the filter. */
  isTextAside?: true
}

/** The byte after a header that stands for a text that the source has and does not send. */
export const TEXT_ASIDE = 0

/** The fixed bytes in front of each member. A head holds major type and short length. */
export const BEFORE = {
  sig: latin1('\xa2\x63sig\x58\x40'),
  body: latin1('\x64body'),
  version: latin1('\xa9\x61v'),
  key: latin1('\x63key\x58\x20'),
  size: latin1('\x64size'),
  event: latin1('\x65event\x58\x20'),
  label: latin1('\x65label\x48'),
  links: latin1('\x65links'),
  height: latin1('\x66height'),
  parents: latin1('\x67parents'),
  frontier: latin1('\x68frontier\x74vfr_'),
} as const satisfies Record<string, Uint8Array>

/** The version of the format. */
export const NODE_VERSION = 2

/** Bytes of the label of an event id. */
export const LABEL_BYTES = 8

/**
 * The start of a link: tag 42 over 37 bytes, of which these are 0x00 (binary) and CID version 1.
 * The codec follows.
 */
export const LINK_HEAD: Uint8Array = latin1('\xd8\x2a\x58\x25\x00\x01')
/** The part after the codec: sha2-256 and the length of the digest. The digest ends the link. */
export const LINK_HASH: Uint8Array = latin1('\x12\x20')
/** Size of a link in bytes. */
export const LINK_BYTES = LINK_HEAD.length + 1 + LINK_HASH.length + 32

/** Hex digits of a frontier name after `vfr_`. */
export const FRONTIER_DIGITS = 16

function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}
