// Keys and values of documents/, the database of what nodes link (protocol/store.md T24). A block lies under its digest as
// it is, being its own checksum; its size lies beside it, so that one can ask what is there without reading it.

import type { Digest } from '../../base/bytes.ts'
import { number32, readNumber32 } from './index-layout.ts'
import { seal, unseal } from './keys.ts'

const BLOCK = 'b'.charCodeAt(0)
const SIZE = 's'.charCodeAt(0)

/** 'b' ‖ ordinal (4) ‖ digest (32) */
export function blockKey(ordinal: number, digest: Digest): Buffer {
  return Buffer.concat([Buffer.of(BLOCK), number32(ordinal), digest])
}

/** 's' ‖ ordinal (4) ‖ digest (32) */
export function sizeKey(ordinal: number, digest: Digest): Buffer {
  return Buffer.concat([Buffer.of(SIZE), number32(ordinal), digest])
}

export function blockRange(ordinal: number) {
  return { gte: blockKey(ordinal, new Uint8Array()), lt: blockKey(ordinal + 1, new Uint8Array()) }
}

export function sizeRange(ordinal: number) {
  return { gte: sizeKey(ordinal, new Uint8Array()), lt: sizeKey(ordinal + 1, new Uint8Array()) }
}

/** The digest in a key of either kind. */
export function digestOf(key: Uint8Array): Digest {
  return key.subarray(5)
}

export function encodeSize(key: Uint8Array, bytes: number): Buffer {
  return seal(key, number32(bytes))
}

/** Undefined when the value is damaged. */
export function decodeSize(key: Uint8Array, stored: Uint8Array): number | undefined {
  const bytes = unseal(key, stored)
  return bytes?.length === 4 ? readNumber32(bytes) : undefined
}
