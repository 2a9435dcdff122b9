// The path through sodium-native, the fastest. The package is optional: where it is not installed, has no build for
// this machine or may not be loaded (`node --no-addons`), there is no path and the next one is taken. It is loaded at
// first use, because that costs 20 ms. It has no types of its own; what is used of it is declared here.

import { createRequire } from 'node:module'
import { keyBytes, type SignatureProvider, signatureBytes } from './strict-verification.ts'

interface Sodium {
  crypto_sign_verify_detached(sig: Uint8Array, message: Uint8Array, publicKey: Uint8Array): unknown
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
  crypto_sign_detached(sig: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
}

/** The path, or undefined where the native module can't be had. */
export function loadSodium(): SignatureProvider | undefined {
  let sodium: Sodium
  try {
    sodium = createRequire(import.meta.url)('sodium-native')
  } catch {
    return undefined // absent, not built for this machine, forbidden: each loader has its own error, all mean the same
  }
  return {
    name: 'sodium',
    holds: (key, message, sig) => sodium.crypto_sign_verify_detached(sig, message, key),
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
