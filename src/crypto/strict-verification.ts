// The one rule by which a signature is valid, split in two: what the bytes themselves must show, checked here for every
// path alike, and the curve equation, which a path (libsodium, OpenSSL, portable) answers. Libraries disagree about the
// first part and agree, when they are right, about the second. Specification: protocol/signature.md, K1 to K6.
// Never add a way round a check: nothing in here is optional.

import { types } from 'node:util'

export const keyBytes = 32
export const signatureBytes = 64
export const seedBytes = 32

/** One implementation of Ed25519. It is asked only for what the checks of this file let through. */
export interface SignatureProvider {
  readonly name: 'sodium' | 'openssl' | 'portable'
  /** Is R, the first half of `sig`, byte for byte the encoding of [S]B − [k]A? Only `true` is a yes. */
  holds(key: Uint8Array, message: Uint8Array, sig: Uint8Array): unknown
  /** The public key of a 32-byte seed, 32 bytes. */
  publicKey(seed: Uint8Array): Uint8Array
  /** A function that signs with this seed, as RFC 8032 section 5.1.6 says: 64 bytes, the same on every path. */
  signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array
}

/** The verdict of one path under the rule. Anything of a wrong type or length is simply no valid signature. */
export function verifyBy(path: SignatureProvider, key: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  if (!types.isUint8Array(key) || !types.isUint8Array(message) || !types.isUint8Array(sig)) return false
  if (key.length !== keyBytes || sig.length !== signatureBytes) return false
  const [ownKey, ownMessage, ownSig] = [unshared(key), unshared(message), unshared(sig)]
  if (!isReduced(ownSig)) return false
  if (!isCanonicalPoint(ownKey) || isSmallOrder(ownKey)) return false
  if (!isCanonicalPoint(ownSig) || isSmallOrder(ownSig)) return false
  return path.holds(ownKey, ownMessage, ownSig) === true
}

// The order of the base point, 2^252 + 27742317777372353535851937790883648493, little-endian.
const ORDER = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex')

/** K2: the second half of the signature, read as a little-endian number, is less than the order of the base point. */
function isReduced(sig: Uint8Array): boolean {
  for (let at = keyBytes - 1; at >= 0; at--) {
    const [digit, bound] = [sig[keyBytes + at]!, ORDER[at]!]
    if (digit !== bound) return digit < bound
  }
  return false
}

/** K3: the y coordinate in the first 32 bytes is less than the field's prime 2^255 − 19. The sign bit is not looked at. */
export function isCanonicalPoint(bytes: Uint8Array): boolean {
  if (bytes[0]! < 0xed || (bytes[31]! & 0x7f) !== 0x7f) return true
  for (let at = 1; at < 31; at++) if (bytes[at] !== 0xff) return true
  return false
}

// y of the eight points whose order divides 8: 1 (the identity), −1 (order 2), 0 (order 4) and two values of order 8.
// With either sign bit, so the two encodings of x = 0 that name no point are caught by the same look.
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex => Buffer.from(hex, 'hex'))

/** K4: the first 32 bytes name a point of order 1, 2, 4 or 8. Meant for canonical encodings. */
export function isSmallOrder(bytes: Uint8Array): boolean {
  return SMALL_ORDER_Y.some(y => sameY(bytes, y))
}

function sameY(bytes: Uint8Array, y: Uint8Array): boolean {
  for (let at = 0; at < 31; at++) if (bytes[at] !== y[at]) return false
  return (bytes[31]! & 0x7f) === y[31]
}

/** `bytes`, or a copy where their memory is shared: another thread may change it, and sodium-native can't read it. */
export function unshared(bytes: Uint8Array): Uint8Array {
  return types.isSharedArrayBuffer(bytes.buffer) ? new Uint8Array(bytes) : bytes
}
