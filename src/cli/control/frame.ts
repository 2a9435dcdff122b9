// Frames of the control socket, over which a command runs inside the hub that owns the store. A
// frame is one byte for the kind, four bytes for the length (big-endian) and the data. Both ends
// are processes of the same user; lengths are still limited, and an unknown kind ends the session.
// Spec: protocol/cli.md, "Control socket".

import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { ReplicaError } from '../../base/errors.ts'

const KINDS = {
  // Shell to hub.
  1: 'request',
  2: 'stdin',
  3: 'stdin-end',
  4: 'abort',
  // Hub to shell.
  16: 'stdout',
  17: 'stderr',
  18: 'stdin-want',
  19: 'exit',
  20: 'error',
  21: 'hello',
} as const

export type FrameKind = (typeof KINDS)[keyof typeof KINDS]

export interface Frame {
  readonly kind: FrameKind
  readonly data: Uint8Array
}

const CODES = new Map(Object.entries(KINDS).map(([code, kind]) => [kind, Number(code)]))
const HEADER_BYTES = 5

export function encodeFrame(kind: FrameKind, data: Uint8Array = new Uint8Array()): Uint8Array {
  if (data.length > CLI_LIMITS.controlFrameBytesMax) throw tooLong(data.length)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + data.length)
  frame.writeUInt8(CODES.get(kind)!, 0)
  frame.writeUInt32BE(data.length, 1)
  frame.set(data, HEADER_BYTES)
  return frame
}

/** Splits a stream of chunks into frames. Buffers less than one frame and one chunk. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #length = 0

  /**
   * Returns the first `length` bytes. Joined chunks stay joined, so that a long frame is copied
   * once.
   */
  #peek(length: number): Buffer {
    const first = this.#chunks[0]!
    if (first.length >= length) return Buffer.from(first.buffer, first.byteOffset, length)
    let joined = 0
    let count = 0
    while (joined < length) joined += this.#chunks[count++]!.length
    const whole = Buffer.concat(this.#chunks.slice(0, count))
    this.#chunks.splice(0, count, whole)
    return whole.subarray(0, length)
  }

  #drop(length: number): void {
    const first = this.#chunks[0]!
    if (first.length === length) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(length)
    this.#length -= length
  }

  /**
   * Adds a chunk and yields the frames that are complete.
   * @throws ReplicaError ERR_SYNC_FRAME, ERR_SYNC_LIMIT
   */
  *push(chunk: Uint8Array): Generator<Frame> {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    while (this.#length >= HEADER_BYTES) {
      const header = this.#peek(HEADER_BYTES)
      const kind = KINDS[header.readUInt8(0) as keyof typeof KINDS]
      if (kind === undefined) throw new ReplicaError('ERR_SYNC_FRAME', 'unknown kind of control frame')
      const length = header.readUInt32BE(1)
      if (length > CLI_LIMITS.controlFrameBytesMax) throw tooLong(length)
      if (this.#length < HEADER_BYTES + length) return
      const frame = this.#peek(HEADER_BYTES + length)
      this.#drop(HEADER_BYTES + length)
      yield { kind, data: frame.subarray(HEADER_BYTES) }
    }
  }
}

function tooLong(length: number): ReplicaError {
  return new ReplicaError('ERR_SYNC_LIMIT', `a control frame of ${length} bytes is too long`)
}
