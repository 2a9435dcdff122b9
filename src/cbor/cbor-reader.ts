// Reading strict DAG-CBOR by offsets (protocol/node.md, section "Strict DAG-CBOR"). A Reader walks over bytes it never
// copies: heads in their shortest form only, no length longer than the bytes that are there, text that is UTF-8 to the
// letter. Whatever is off is ERR_CBOR with the offset. Shared by the general decoder (cbor.ts) and the node scan (node.ts),
// so that both mean the same by "strict". It knows no shape.

import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'

/** The major types of RFC 8949 section 3.1. */
export const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const

const SAFE_HIGH = 0x1fffff
const SHORT = 24

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

  /** Reads a head into `major` and answers its argument, at most 2^53-1. @throws ReplicaError ERR_CBOR */
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

  /** The next `length` bytes as a view. @throws ReplicaError ERR_CBOR when fewer are left. */
  take(length: number): Uint8Array {
    const { at } = this
    if (length > this.bytes.length - at) this.fail('a length goes past the end of the input')
    this.at = at + length
    return this.view(at, at + length)
  }

  /** The bytes from `start` up to `end`, both within the input. */
  view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#offset + start, end - start)
  }

  /** The next `length` bytes as a view, known to be text. @throws ReplicaError ERR_CBOR */
  takeText(length: number): Uint8Array {
    const view = this.take(length)
    if (!isText(view)) this.fail('text is not UTF-8, or begins with U+FEFF')
    return view
  }

  /** The next `length` bytes as a string. @throws ReplicaError ERR_CBOR */
  text(length: number): string {
    const { bytes, at } = this
    if (length > SHORT || length > bytes.length - at) return this.#anyText(length)
    // Keys and names: for a few ASCII letters this is several times as fast as the way through a view.
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

  /** @throws ReplicaError ERR_CBOR unless every byte was read. */
  end(): void {
    if (this.at !== this.bytes.length) this.fail('extra bytes after the item')
  }

  fail(reason: string): never {
    throw new ReplicaError('ERR_CBOR', `not strict DAG-CBOR: ${reason}`, { facts: { at: this.at } })
  }

  /** Arguments of 1, 2, 4 and 8 bytes, each only for values that no shorter head holds. */
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

/** UTF-8 without a leading U+FEFF: decoders in wide use strip that one, and then the bytes would not come back. */
export function isText(view: Uint8Array): boolean {
  return isUtf8(view) && !(view[0] === 0xef && view[1] === 0xbb && view[2] === 0xbf)
}
