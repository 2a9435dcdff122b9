// Compares the decoders with the library: what they accept, @ipld/dag-cbor decodes as well and
// encodes to the same bytes. Also reads inputs of vectors that are too long for hex.

import * as dagCbor from '@ipld/dag-cbor'
import { equals, fromHex } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'

/** Whether the library decodes `bytes` and makes the same bytes of the result. */
export function libraryAgrees(bytes: Uint8Array): boolean {
  return equals(dagCbor.encode(dagCbor.decode(bytes)), bytes)
}

/** Hex, or pieces in order: hex again, or a byte in hex with how often it stands there. */
export type VectorBytes = string | readonly (string | { readonly byte: string; readonly times: number })[]

export function vectorBytes(input: VectorBytes): Uint8Array {
  if (typeof input === 'string') return hex(input)
  return Buffer.concat(
    input.map(part => (typeof part === 'string' ? hex(part) : Buffer.alloc(part.times, hex(part.byte)))),
  )
}

export function hex(text: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes === undefined) throw new TypeError(`not hex: ${text.slice(0, 40)}`)
  return bytes
}

/**
 * The code of the ReplicaError that `f` throws; undefined when it returns; anything else is thrown
 * on.
 */
export function codeOf(f: () => unknown): string | undefined {
  try {
    f()
    return undefined
  } catch (error) {
    if (error instanceof ReplicaError) return error.code
    throw error
  }
}

/** For assert.throws, which takes a class for a predicate and is content with anything. */
export function isTypeError(error: unknown): boolean {
  return error instanceof TypeError
}
