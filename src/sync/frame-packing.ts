// Packs nodes into frames, and unpacks them within bounds.
// A `packed` frame is raw DEFLATE (RFC 1951) over the DAG-CBOR array of nodes that a `blocks` frame
// would carry.
// Spec: protocol/sync.md, S29 and S30.

import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import type { Message } from './message.ts'

/** Smaller arrays are not compressed; bytes. */
const PACK_BYTES_MIN = 512
/** Target size of a frame in bytes, so that verifying and writing overlap with the next frame. */
export const FRAME_FILL_BYTES = 512 * 1024
/** Target number of nodes in a frame. */
export const FRAME_FILL_NODES = 512

/** A message that carries nodes. */
export type BlocksMessage = Message & { t: 'blocks' | 'packed' }

/**
 * Returns a frame for these nodes: packed if allowed and at least an eighth smaller, else plain.
 */
export function packBlocks(ch: number, nodes: readonly Uint8Array[], compress: boolean): BlocksMessage {
  const plain: BlocksMessage = { t: 'blocks', ch, nodes }
  if (!compress) return plain
  const array = encodeCbor(nodes as Uint8Array[])
  if (array.length < PACK_BYTES_MIN) return plain
  const data = deflateRawSync(array, { level: 1 })
  return data.length <= array.length - (array.length >> 3) ? { t: 'packed', ch, size: array.length, data } : plain
}

/**
 * Returns the nodes of a frame.
 * @throws ReplicaError ERR_SYNC_FRAME; ERR_SYNC_LIMIT if it states more than `frameBytesMax` bytes
 */
export function unpackBlocks(message: BlocksMessage): readonly Uint8Array[] {
  if (message.t === 'blocks') return message.nodes
  if (message.size > WIRE_LIMITS.frameBytesMax) {
    throw new ReplicaError('ERR_SYNC_LIMIT', `a packed frame says that it holds ${message.size} bytes`)
  }
  const nodes = inflated(message)
  const ok =
    Array.isArray(nodes) &&
    nodes.length > 0 &&
    nodes.length <= WIRE_LIMITS.creditNodes &&
    nodes.every(node => node instanceof Uint8Array && node.length > 0)
  if (!ok) throw new ReplicaError('ERR_SYNC_FRAME', 'a packed frame holds no list of nodes')
  return nodes as Uint8Array[]
}

function inflated({ data, size }: Message & { t: 'packed' }): CborValue {
  let failure: unknown
  try {
    // `info` is missing in the types. It tells how many input bytes the stream took.
    const result = inflateRawSync(data, { maxOutputLength: Math.max(size, 1), info: true }) as unknown as Inflated
    if (result.buffer.length === size && result.engine.bytesWritten === data.length) return decodeCbor(result.buffer)
  } catch (error) {
    failure = error
  }
  throw new ReplicaError('ERR_SYNC_FRAME', 'a packed frame is not what it says', { cause: failure })
}

interface Inflated {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}
