// Offset-based reader of strict DAG-CBOR. It copies no bytes and accepts only heads in their
// shortest form, lengths within the input, and valid UTF-8. Each error is ERR_CBOR with the offset.
// The general decoder (dag-cbor.ts) and the node decoder (node/decoder.ts) share it, so that
// "strict" means the same in both. Spec: protocol/node.md, "Strict DAG-CBOR".

import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'

/** The major types of RFC 8949 section 3.1. */
export const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const

const SAFE_HIGH = 0x1fffff
const SHORT = 24

/**
 * A position in a CBOR input.
 *
 * @example
 * const reader = new Reader(bytes)
 * const length = reader.head()
 * if (reader.major !== MAJOR.bytes) reader.fail('not a byte string')
 * const content = reader.take(length)
 * reader.end()
 */
export class Reader {
  readonly bytes: Uint8Array
  /** Offset of the next byte. */
  at = 0
  /** Major type of the head read last. */
  major: number = MAJOR.uint
  readonly #buffer: ArrayBufferLike
  readonly #offset: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#buffer = bytes.buffer
    this.#offset = bytes.byteOffset
  }

  /**
   * Reads a head into `major` and returns its argument, at most 2^53 − 1.
   * @throws ReplicaError ERR_CBOR
   */
  head(): number {
    const { bytes, at } = this
    if (at >= bytes.length) this.fail('the input ends where an item is expected')
    const initial = bytes[at]!
    const info = initial & 31
    this.major = initial >> 5
    this.at = at + 1
    if (info < 24) return info
    return this.#argument(info)
  }

  /** Consumes `length` bytes. Returns a view. @throws ReplicaError ERR_CBOR if fewer are left */
  take(length: number): Uint8Array {
    const { at } = this
    if (length > this.bytes.length - at) this.fail('a length goes past the end of the input')
    this.at = at + length
    return this.view(at, at + length)
  }

  /** Returns a view of the bytes from `start` up to `end`, both within the input. */
  view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#offset + start, end - start)
  }

  /** Consumes `length` bytes of text. Returns a view. @throws ReplicaError ERR_CBOR */
  takeText(length: number): Uint8Array {
    const view = this.take(length)
    if (!isText(view)) this.fail('text is not UTF-8, or begins with U+FEFF')
    return view
  }

  /** Consumes `length` bytes of text. Returns a string. @throws ReplicaError ERR_CBOR */
  text(length: number): string {
    const { bytes, at } = this
    if (length > SHORT || length > bytes.length - at) return this.#anyText(length)
    // For short ASCII keys and names, this is several times faster than a view.
    let text = ''
    for (let i = at; i < at + length; i += 1) {
      const byte = bytes[i]!
      if (byte > 0x7f) return this.#anyText(length)
      text += String.fromCharCode(byte)
    }
    this.at = at + length
    return text
  }

  #anyText(length: number): string {
    const view = this.takeText(length)
    return asBuffer(view).toString('utf8')
  }

  /** @throws ReplicaError ERR_CBOR unless every byte was read */
  end(): void {
    if (this.at !== this.bytes.length) this.fail('extra bytes after the item')
  }

  /** @throws ReplicaError ERR_CBOR with the current offset */
  fail(reason: string): never {
    throw new ReplicaError('ERR_CBOR', `not strict DAG-CBOR: ${reason}`, { facts: { at: this.at } })
  }

  /** Reads an argument of 1, 2, 4 or 8 bytes. Refuses values that fit a shorter head. */
  #argument(info: number): number {
    if (this.major === MAJOR.simple) this.fail('a float, or a simple value other than false, true and null')
    if (info === 24) return this.#shortest(this.#unsigned(1), 24)
    if (info === 25) return this.#shortest(this.#unsigned(2), 0x100)
    if (info === 26) return this.#shortest(this.#unsigned(4), 0x10000)
    if (info !== 27) this.fail(info === 31 ? 'an indefinite length' : 'a reserved head')
    const high = this.#unsigned(4)
    if (high > SAFE_HIGH) this.fail('a number beyond 2^53-1')
    return this.#shortest(high * 0x100000000 + this.#unsigned(4), 0x100000000)
  }

  #shortest(value: number, least: number): number {
    if (value < least) this.fail('a head is not in its shortest form')
    return value
  }

  #unsigned(width: number): number {
    const { bytes, at } = this
    if (width > bytes.length - at) this.fail('the input ends inside a head')
    this.at = at + width
    let value = 0
    for (let i = at; i < at + width; i += 1) value = value * 256 + bytes[i]!
    return value
  }
}

/**
 * Returns whether the bytes are UTF-8 without a leading U+FEFF. Common decoders strip U+FEFF, which
 * changes the bytes.
 */
export function isText(view: Uint8Array): boolean {
  return isUtf8(view) && !(view[0] === 0xef && view[1] === 0xbb && view[2] === 0xbf)
}
