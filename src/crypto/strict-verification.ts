// Defines when an Ed25519 signature is valid: checks of the bytes, which are the same for every
// provider and done here, and the curve equation, which a provider (libsodium, OpenSSL, noble)
// evaluates. Libraries disagree about the checks of the bytes; correct libraries agree about the
// equation. No check in this file may become optional.
// Spec: protocol/signature.md, K1 to K6.

import { types } from 'node:util'

/** Length of a public key in bytes. */
export const keyBytes = 32
/** Length of a signature in bytes. */
export const signatureBytes = 64
/** Length of a seed (a secret key, RFC 8032) in bytes. */
export const seedBytes = 32

/**
 * Returns whether `sig` (64 bytes) is a valid signature of `message` under the public key `key` (32
 * bytes). Never throws: returns false for a value of a wrong type or length.
 */
export type VerifySignature = (key: Uint8Array, message: Uint8Array, sig: Uint8Array) => boolean

/**
 * One implementation of Ed25519. It receives only input that has passed the checks of this file.
 */
export interface SignatureProvider {
  readonly name: 'sodium' | 'openssl' | 'noble'
  /**
   * Returns true if R, the first half of `sig`, equals the encoding of [S]B − [k]A. Any other value
   * means "not valid".
   */
  checkEquation(key: Uint8Array, message: Uint8Array, sig: Uint8Array): unknown
  /** Returns the public key (32 bytes) of a seed (32 bytes). */
  publicKey(seed: Uint8Array): Uint8Array
  /**
   * Returns a function that signs with a seed (32 bytes) as in RFC 8032 section 5.1.6. All
   * providers return the same 64 bytes.
   */
  signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array
}

/**
 * Returns a function that verifies signatures by K1 to K6 and leaves the curve equation to
 * `provider`.
 */
export function strictVerifier(provider: SignatureProvider): VerifySignature {
  return (key, message, sig) => {
    if (!types.isUint8Array(key) || !types.isUint8Array(message) || !types.isUint8Array(sig)) return false
    if (key.length !== keyBytes || sig.length !== signatureBytes) return false
    const [ownKey, ownMessage, ownSig] = [unshared(key), unshared(message), unshared(sig)]
    if (!isReduced(ownSig)) return false
    if (!isCanonicalPoint(ownKey) || isSmallOrder(ownKey)) return false
    if (!isCanonicalPoint(ownSig) || isSmallOrder(ownSig)) return false
    return provider.checkEquation(ownKey, ownMessage, ownSig) === true
  }
}

// The order of the base point, 2^252 + 27742317777372353535851937790883648493, little-endian.
const ORDER = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex')

/**
 * K2: S, the second half of the signature as a little-endian number, is less than the order of the
 * base point.
 */
function isReduced(sig: Uint8Array): boolean {
  for (let at = keyBytes - 1; at >= 0; at--) {
    const [digit, bound] = [sig[keyBytes + at]!, ORDER[at]!]
    if (digit !== bound) return digit < bound
  }
  return false
}

/**
 * K3: the y coordinate in the first 32 bytes is less than the prime 2^255 − 19. The sign bit is
 * ignored.
 */
export function isCanonicalPoint(bytes: Uint8Array): boolean {
  if (bytes[0]! < 0xed || (bytes[31]! & 0x7f) !== 0x7f) return true
  for (let at = 1; at < 31; at++) if (bytes[at] !== 0xff) return true
  return false
}

// y of the eight points whose order divides 8: 1 (the identity), −1 (order 2), 0 (order 4) and two
// values of order 8. The sign bit is ignored. This also rejects the two encodings with x = 0 that
// do not name a point.
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex => Buffer.from(hex, 'hex'))

/**
 * K4: the first 32 bytes encode a point of order 1, 2, 4 or 8. Expects a canonical encoding (K3).
 */
export function isSmallOrder(bytes: Uint8Array): boolean {
  return SMALL_ORDER_Y.some(y => sameY(bytes, y))
}

function sameY(bytes: Uint8Array, y: Uint8Array): boolean {
  for (let at = 0; at < 31; at++) if (bytes[at] !== y[at]) return false
  return (bytes[31]! & 0x7f) === y[31]
}

/**
 * Returns `bytes`, or a copy if their memory is shared. Another thread can change shared memory
 * between two reads, and sodium-native cannot read it.
 */
export function unshared(bytes: Uint8Array): Uint8Array {
  return types.isSharedArrayBuffer(bytes.buffer) ? new Uint8Array(bytes) : bytes
}
