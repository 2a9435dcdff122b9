// The path through node:crypto (OpenSSL), which every Node has. OpenSSL checks S and the equation as the rule wants
// them; small orders and encodings are left to rule.ts. Making a KeyObject costs as much as a check, so those of the
// last keys seen are kept, a bounded number of them.

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { digestKey } from '../base/bytes.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { keyBytes, type SignatureProvider } from './strict-verification.ts'

// RFC 8410: the fixed DER in front of the 32 bytes of a public key and of a seed.
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export const openssl: SignatureProvider = {
  name: 'openssl',

  holds(key, message, sig) {
    const object = keyObject(key)
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

const keyObjects = new Map<string, KeyObject>()

function keyObject(key: Uint8Array): KeyObject | undefined {
  const name = digestKey(key)
  const cached = keyObjects.get(name)
  if (cached !== undefined) return cached
  const made = importKey(key)
  if (made === undefined) return undefined
  if (keyObjects.size >= VERIFY_LIMITS.keysCachedMax) keyObjects.delete(keyObjects.keys().next().value!)
  keyObjects.set(name, made)
  return made
}

function importKey(key: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, key]), format: 'der', type: 'spki' })
  } catch {
    return undefined // OpenSSL 3.0 takes any 32 bytes; a version that refuses some says that nothing verifies under them
  }
}

function privateKey(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([PRIVATE_PREFIX, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}
