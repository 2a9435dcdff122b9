// The portable path: Ed25519 on the curve points of @noble/ed25519, for places where nothing native is. It is also what
// vets keys everywhere. Twenty times slower than a native path. The library's own `verify` is not used and must not be:
// it multiplies by the cofactor in both of its modes and so accepts signatures that the rule (protocol/signature.md)
// refuses.

import { createHash } from 'node:crypto'
import { getPublicKey, hashes, Point, sign } from '@noble/ed25519'
import { equals } from '../base/bytes.ts'
import { keyBytes, type SignatureProvider } from './strict-verification.ts'

const ORDER = Point.CURVE().n

export const nobleProvider: SignatureProvider = {
  name: 'portable',

  holds(key, message, sig) {
    const A = decodePoint(key)
    if (A === undefined) return false
    const R = sig.subarray(0, keyBytes)
    const S = littleEndian(sig.subarray(keyBytes))
    const k = littleEndian(sha512(R, key, message)) % ORDER
    const expected = Point.BASE.multiply(S, false).subtract(A.multiply(k, false))
    return equals(expected.toBytes(), R)
  },

  publicKey(seed) {
    provideHash()
    return getPublicKey(seed)
  },

  signer(seed) {
    provideHash()
    return message => sign(message, seed)
  },
}

/** K7: the bytes name a point of the subgroup that the base point generates, other than the identity. About 1 ms. */
export function isPrimeOrderPoint(bytes: Uint8Array): boolean {
  const point = decodePoint(bytes)
  return point?.isTorsionFree() === true && !point.is0()
}

function decodePoint(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes)
  } catch {
    return undefined // the library throws plain errors without codes: not on the curve, or not canonical
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function sha512(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

// The library's synchronous calls need a hash from outside. An application that shares the library may have set its own.
function provideHash(): void {
  hashes.sha512 ??= message => Uint8Array.from(sha512(message))
}
