// CIDs as text, at the edge only: inside the library a node is its 32-byte digest. One form exists (protocol/node.md):
// version 1, codec dag-cbor (nodes, chunk lists) or raw (documents), sha2-256, written in lower-case base32, so one
// digest has one name per codec. The only file that imports multiformats.

import { base32 } from 'multiformats/bases/base32'
import type { Digest } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'

export type LinkCodec = 'dag-cbor' | 'raw'

/** The multicodec number of each codec: the second byte of a CID. */
export const CODEC_BYTE = { 'dag-cbor': 0x71, raw: 0x55 } as const satisfies Record<LinkCodec, number>

/** Version, codec, multihash function, digest length, digest. */
const CID_BYTES = 36
/** 36 bytes are 58 base32 characters; `b` in front names the base. */
const CID_TEXT = /^b[a-z2-7]{58}$/
const CID_LENGTH = 59

/** Reused for every CID: base32 reads it whole before anything else can run. */
const scratch = new Uint8Array(CID_BYTES)

/** The text of a CID: 59 characters, `bafyrei…` for dag-cbor, `bafkrei…` for raw. */
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
 * Codec and digest of a CID in text.
 * @throws ReplicaError ERR_CID for any other version, base, letter case, codec, hash function or length.
 */
export function parseCid(text: string): { codec: LinkCodec; digest: Digest } {
  // The length is settled before any decoding, so a long text costs nothing.
  const isForm = text.length === CID_LENGTH && CID_TEXT.test(text)
  if (!isForm) throw new ReplicaError('ERR_CID', 'a CID must be "b" and 58 characters of lower-case base32')
  const bytes = decodeBase32(text)
  if (bytes[0] !== 1) throw new ReplicaError('ERR_CID', `CID version ${bytes[0]} instead of 1`)
  if (bytes[2] !== 0x12 || bytes[3] !== 32)
    throw new ReplicaError('ERR_CID', 'the hash of a CID must be 32 bytes of sha2-256')
  return { codec: codecOf(bytes[1]!), digest: bytes.subarray(4) }
}

/**
 * Digest of a node's CID.
 * @throws ReplicaError ERR_CID also when the codec is not dag-cbor.
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
    // The pattern has settled alphabet and length: what is left are the two spare bits of the last character.
    throw new ReplicaError('ERR_CID', 'the last character of a CID has spare bits that are not zero', { cause })
  }
}
