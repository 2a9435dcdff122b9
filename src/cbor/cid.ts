// CIDs as text, for input and output; inside the library a node is its 32-byte digest. One form
// exists: version 1, codec dag-cbor (nodes, chunk lists) or raw (documents), sha2-256, lower-case
// base32. So a digest has one CID per codec. The only file that imports multiformats. Spec:
// protocol/node.md.

import { base32 } from 'multiformats/bases/base32'
import type { Digest } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'

/** `dag-cbor` for nodes and chunk lists, `raw` for documents. */
export type LinkCodec = 'dag-cbor' | 'raw'

/** Multicodec number of each codec: the second byte of a CID. */
export const CODEC_BYTE = { 'dag-cbor': 0x71, raw: 0x55 } as const satisfies Record<LinkCodec, number>

/** Version, codec, multihash function, digest length, digest. */
const CID_BYTES = 36
/** 36 bytes are 58 base32 characters; the prefix `b` names the base. */
const CID_TEXT = /^b[a-z2-7]{58}$/
const CID_LENGTH = 59

/** Scratch memory for every CID. base32 reads it synchronously. */
const scratch = new Uint8Array(CID_BYTES)

/**
 * Returns the text of a CID: 59 characters, `bafyrei…` for dag-cbor, `bafkrei…` for raw.
 * @throws TypeError unless the digest has 32 bytes
 */
export function cidText(digest: Digest, codec: LinkCodec = 'dag-cbor'): string {
  if (digest.length !== 32) throw new TypeError(`a digest must have 32 bytes, not ${digest.length}`)
  scratch[0] = 1
  scratch[1] = CODEC_BYTE[codec]
  scratch[2] = 0x12
  scratch[3] = 32
  scratch.set(digest, 4)
  return base32.encode(scratch)
}

/**
 * Returns codec and digest of a CID.
 * @throws ReplicaError ERR_CID for any other version, base, letter case, codec, hash function or
 * length
 */
export function parseCid(text: string): { codec: LinkCodec; digest: Digest } {
  // The length is checked before decoding, so a long text costs nothing.
  const isForm = text.length === CID_LENGTH && CID_TEXT.test(text)
  if (!isForm) throw new ReplicaError('ERR_CID', 'a CID must be "b" and 58 characters of lower-case base32')
  const bytes = decodeBase32(text)
  if (bytes[0] !== 1) throw new ReplicaError('ERR_CID', `CID version ${bytes[0]} instead of 1`)
  if (bytes[2] !== 0x12 || bytes[3] !== 32)
    throw new ReplicaError('ERR_CID', 'the hash of a CID must be 32 bytes of sha2-256')
  return { codec: codecOf(bytes[1]!), digest: bytes.subarray(4) }
}

/**
 * Returns the digest of a node's CID.
 * @throws ReplicaError ERR_CID as `parseCid` does, and if the codec is not dag-cbor
 */
export function nodeDigest(cid: string): Digest {
  const { codec, digest } = parseCid(cid)
  if (codec !== 'dag-cbor') throw new ReplicaError('ERR_CID', `a node must have codec dag-cbor, not ${codec}`)
  return digest
}

function codecOf(byte: number): LinkCodec {
  if (byte === CODEC_BYTE['dag-cbor']) return 'dag-cbor'
  if (byte === CODEC_BYTE.raw) return 'raw'
  throw new ReplicaError('ERR_CID', `codec 0x${byte.toString(16)} instead of dag-cbor or raw`)
}

function decodeBase32(text: string): Uint8Array {
  try {
    return base32.decode(text)
  } catch (cause) {
    // The pattern has checked alphabet and length. Only the two spare bits of the last character
    // can be wrong.
    throw new ReplicaError('ERR_CID', 'the last character of a CID has spare bits that are not zero', { cause })
  }
}
