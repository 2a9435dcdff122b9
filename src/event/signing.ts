// Signing and verifying by functions that the caller passes in: this layer knows what is signed and by whom, never how.
// Keys and signatures are lower-case hex in every record that is read strictly (protocol/registry-entry.md, E2).

import { fromHex, isLowerHex, toHex } from '../base/bytes.ts'

/** Whether `sig` (64 bytes) is valid over `message` under `key` (32 bytes), by the one rule of signature.md. */
export type Verify = (key: Uint8Array, message: Uint8Array, sig: Uint8Array) => boolean

/** Something that signs; a Key is one. */
export interface Signer {
  /** 64 lower-case hex digits. */
  readonly publicKey: string
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** The signature of `signer` as 128 lower-case hex digits. */
export function signHex(signer: Signer, message: Uint8Array): string {
  return toHex(signer.sign(message))
}

/** Whether a signature in hex is valid; false also for text that is no key or no signature in lower-case hex. */
export function verifiesHex(verify: Verify, signed: { key: string; message: Uint8Array; signature: string }): boolean {
  const { key, message, signature } = signed
  if (!isLowerHex(key, 32) || !isLowerHex(signature, 64)) return false
  return verify(fromHex(key)!, message, fromHex(signature)!) === true
}
