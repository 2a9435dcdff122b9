// Documents as blocks. A document of up to 256 KiB is one raw block. A larger one is a chunk list,
// strict DAG-CBOR `{size, chunks: [&raw …]}`, and its chunks: 256 KiB each except the last. Equal
// bytes have equal blocks and therefore the same link. The list is encoded by hand, because it
// contains links and dag-cbor.ts encodes none. Spec: protocol/document.md.

import { concat, type Digest, HashedBlock, sha256 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { DOCUMENT_LIMITS } from '../base/limits.ts'
import { MAJOR, Reader } from '../cbor/cbor-reader.ts'
import { CODEC_BYTE } from '../cbor/cid.ts'
import { encodeCbor } from '../cbor/dag-cbor.ts'
import { type DocumentLink, LINK_BYTES, LINK_HASH, LINK_HEAD } from './schema.ts'

const { blockBytesMax, documentBytesMax } = DOCUMENT_LIMITS

/** A small document, a chunk or a chunk list: at most 256 KiB, with their SHA-256. */
export interface DocumentBlock {
  readonly digest: Digest
  readonly bytes: Uint8Array
}

/** Digest of the empty document. Every side has it, so no message carries it. */
export const EMPTY_DIGEST: Digest = sha256(new Uint8Array(0))

/** The chunks of a document above 256 KiB. */
export interface ChunkList {
  /** Size of the whole document in bytes. */
  readonly size: number
  /** Digests of the chunks in the order of the document. Repeats are allowed. */
  readonly chunks: readonly Digest[]
}

const BEFORE_SIZE = Buffer.from('\xa2\x64size', 'latin1')
const BEFORE_CHUNKS = Buffer.from('\x66chunks', 'latin1')
const CHUNK_HEAD = concat([LINK_HEAD, Uint8Array.of(CODEC_BYTE.raw), LINK_HASH])

/**
 * Returns the link of a document for a node, and the blocks to store, chunks before their list. The
 * blocks of content are views into `bytes`.
 * @throws ReplicaError ERR_DOCUMENT for more than 128 MiB
 */
export function chunkDocument(bytes: Uint8Array): { link: DocumentLink; blocks: HashedBlock[] } {
  if (bytes.length <= blockBytesMax) {
    const block = new HashedBlock(bytes)
    return { link: { codec: 'raw', digest: block.digest }, blocks: [block] }
  }
  if (bytes.length > documentBytesMax) throw refusal(`it has ${bytes.length} bytes, more than ${documentBytesMax}`)
  const chunks: HashedBlock[] = []
  for (let at = 0; at < bytes.length; at += blockBytesMax) {
    chunks.push(new HashedBlock(bytes.subarray(at, at + blockBytesMax)))
  }
  const list = new HashedBlock(encodeChunkList({ size: bytes.length, chunks: chunks.map(({ digest }) => digest) }))
  return { link: { codec: 'dag-cbor', digest: list.digest }, blocks: [...chunks, list] }
}

/** Returns the bytes of a chunk list. The argument is not checked. */
export function encodeChunkList({ size, chunks }: ChunkList): Uint8Array {
  const count = Uint8Array.from(encodeCbor(chunks.length))
  count[0]! |= MAJOR.array << 5
  const links = chunks.flatMap(digest => [CHUNK_HEAD, digest])
  return concat([BEFORE_SIZE, encodeCbor(size), BEFORE_CHUNKS, count, ...links])
}

/**
 * Reads a chunk list. Accepts only the one encoding of the list.
 * @throws ReplicaError ERR_DOCUMENT
 */
export function readChunkList(bytes: Uint8Array): ChunkList {
  const reader = new Reader(bytes)
  try {
    literal(reader, BEFORE_SIZE)
    const size = head(reader, MAJOR.uint)
    if (size <= blockBytesMax || size > documentBytesMax) throw refusal(`a list of ${size} bytes`)
    literal(reader, BEFORE_CHUNKS)
    const count = head(reader, MAJOR.array)
    const wanted = Math.ceil(size / blockBytesMax)
    if (count !== wanted) throw refusal(`${size} bytes need ${wanted} chunks`)
    if (bytes.length - reader.at !== count * LINK_BYTES) throw refusal('the bytes do not end after the links')
    const chunks: Digest[] = []
    for (let i = 0; i < count; i += 1) {
      literal(reader, CHUNK_HEAD)
      chunks.push(reader.take(32))
    }
    return { size, chunks }
  } catch (error) {
    if (error instanceof ReplicaError && error.code === 'ERR_CBOR') throw refusal(error.message)
    throw error
  }
}

/** Returns the size of chunk number `index` in bytes. */
export function chunkBytes({ size, chunks }: ChunkList, index: number): number {
  return index < chunks.length - 1 ? blockBytesMax : size - index * blockBytesMax
}

function head(reader: Reader, major: number): number {
  const argument = reader.head()
  if (reader.major !== major) throw refusal(`an item of another type at ${reader.at}`)
  return argument
}

function literal(reader: Reader, expected: Uint8Array): void {
  if (Buffer.compare(reader.take(expected.length), expected) !== 0)
    throw refusal(`not a list of chunks at ${reader.at}`)
}

function refusal(reason: string): ReplicaError {
  return new ReplicaError('ERR_DOCUMENT', `not a document: ${reason}`)
}
