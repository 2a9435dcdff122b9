// Function types for signing and verifying. The caller passes the functions, so layers without
// cryptography know what is signed and by whom, but not how. Strict records have keys and
// signatures in lower-case hex. Spec: protocol/registry-entry.md, E2.

import { fromHex, isLowerHex, toHex } from '../base/bytes.ts'

/**
 * Returns whether `sig` (64 bytes) is valid over `message` under `key` (32 bytes). Rule:
 * protocol/signature.md.
 */
export type Verify = (key: Uint8Array, message: Uint8Array, sig: Uint8Array) => boolean

/** An object that signs, for example a `Key`. */
export interface Signer {
  /** 64 lower-case hex digits. */
  readonly publicKey: string
  /** Returns 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** Returns the signature of `signer` as 128 lower-case hex digits. */
export function signHex(signer: Signer, message: Uint8Array): string {
  return toHex(signer.sign(message))
}

/**
 * Returns whether a signature in hex is valid. False unless key and signature are lower-case hex of
 * their length.
 */
export function verifiesHex(verify: Verify, signed: { key: string; message: Uint8Array; signature: string }): boolean {
  const { key, message, signature } = signed
  if (!isLowerHex(key, 32) || !isLowerHex(signature, 64)) return false
  return verify(fromHex(key)!, message, fromHex(signature)!) === true
}
