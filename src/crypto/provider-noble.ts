// Ed25519 in JavaScript, on the curve points of @noble/ed25519: the fallback where no native
// implementation is available, about 20 times slower than those. Public keys are always validated
// with it (K7). The library's own `verify` must not be used: it multiplies by the cofactor in both
// of its modes, so it accepts signatures that K6 rejects.
// Spec: protocol/signature.md, K6 and K7.

import { createHash } from 'node:crypto'
import { getPublicKey, hashes, Point, sign } from '@noble/ed25519'
import { equals } from '../base/bytes.ts'
import { keyBytes, type SignatureProvider } from './strict-verification.ts'

const ORDER = Point.CURVE().n

/** The provider on @noble/ed25519. */
export const nobleProvider: SignatureProvider = {
  name: 'noble',

  checkEquation(key, message, sig) {
    const A = decodePoint(key)
    if (A === undefined) return false
    const R = sig.subarray(0, keyBytes)
    const S = littleEndian(sig.subarray(keyBytes))
    const k = littleEndian(sha512(R, key, message)) % ORDER
    const expected = Point.BASE.multiply(S, false).subtract(A.multiply(k, false))
    return equals(expected.toBytes(), R)
  },

  publicKey(seed) {
    setHashFunction()
    return getPublicKey(seed)
  },

  signer(seed) {
    setHashFunction()
    return message => sign(message, seed)
  },
}

/**
 * K7: returns whether 32 bytes encode a point of the subgroup that the base point generates, other
 * than the identity. Takes about 1 ms.
 */
export function isPrimeOrderPoint(bytes: Uint8Array): boolean {
  const point = decodePoint(bytes)
  return point?.isTorsionFree() === true && !point.is0()
}

function decodePoint(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes)
  } catch {
    return undefined // not on the curve, or not canonical: the library throws errors without codes
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

// The synchronous functions of the library need a hash function from its user. An application that
// uses the same copy of the library may have set another one.
function setHashFunction(): void {
  hashes.sha512 ??= message => Uint8Array.from(sha512(message))
}
