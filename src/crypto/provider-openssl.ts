// Ed25519 through node:crypto (OpenSSL), which every Node has. OpenSSL checks K1, K2 and K6
// (protocol/signature.md); strict-verification.ts checks the encodings and the small orders.

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { digestKey } from '../base/bytes.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { LruMap } from '../base/lru-map.ts'
import { keyBytes, type SignatureProvider } from './strict-verification.ts'

// RFC 8410: the constant DER before the 32 bytes of a public key and of a seed.
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * Returns a provider. It caches the KeyObjects of recently used public keys, because to make one
 * costs as much as to verify.
 */
export function createOpensslProvider(): SignatureProvider {
  const keyObjects = new KeyObjectCache()
  return {
    name: 'openssl',

    checkEquation(key, message, sig) {
      const object = keyObjects.get(key)
      return object !== undefined && verify(null, message, object, sig)
    },

    publicKey(seed) {
      const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' })
      return Uint8Array.from(der.subarray(der.length - keyBytes))
    },

    signer(seed) {
      const key = privateKey(seed)
      return message => Uint8Array.from(sign(null, message, key))
    },
  }
}

class KeyObjectCache {
  readonly #objects = new LruMap<string, KeyObject>(VERIFY_LIMITS.keysCachedMax)

  get(key: Uint8Array): KeyObject | undefined {
    const name = digestKey(key)
    const cached = this.#objects.get(name)
    if (cached !== undefined) return cached
    const made = importKey(key)
    if (made === undefined) return undefined
    this.#objects.set(name, made)
    return made
  }
}

function importKey(key: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, key]), format: 'der', type: 'spki' })
  } catch {
    // OpenSSL 3.0 accepts any 32 bytes. If a version rejects some, no signature is valid under
    // them.
    return undefined
  }
}

function privateKey(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([PRIVATE_PREFIX, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}
