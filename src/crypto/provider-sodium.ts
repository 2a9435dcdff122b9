// Ed25519 through sodium-native (libsodium), the fastest provider. The package is optional: it may
// be absent, lack a build for this machine, or be forbidden (`node --no-addons`). It is loaded at
// the first use, because that takes 20 ms. It does not have type declarations; this file declares
// what it uses.

import { createRequire } from 'node:module'
import { keyBytes, type SignatureProvider, signatureBytes } from './strict-verification.ts'

interface Sodium {
  crypto_sign_verify_detached(sig: Uint8Array, message: Uint8Array, publicKey: Uint8Array): unknown
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
  crypto_sign_detached(sig: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
}

/** Returns the provider; undefined if the native module cannot be loaded. */
export function loadSodiumProvider(): SignatureProvider | undefined {
  let sodium: Sodium
  try {
    sodium = createRequire(import.meta.url)('sodium-native')
  } catch {
    // Absent, not built for this machine, or forbidden: the errors differ, the meaning is the same.
    return undefined
  }
  return {
    name: 'sodium',
    checkEquation: (key, message, sig) => sodium.crypto_sign_verify_detached(sig, message, key),
    publicKey: seed => keyPair(sodium, seed).publicKey,
    signer: seed => {
      const { secretKey } = keyPair(sodium, seed)
      return message => {
        const sig = new Uint8Array(signatureBytes)
        sodium.crypto_sign_detached(sig, message, secretKey)
        return sig
      }
    },
  }
}

function keyPair(sodium: Sodium, seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
  const publicKey = new Uint8Array(keyBytes)
  const secretKey = new Uint8Array(signatureBytes)
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  return { publicKey, secretKey }
}
