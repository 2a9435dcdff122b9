// Verifies signatures under keys that no registry has validated: the keys that events name
// themselves.
// Spec: protocol/signature.md, K1 to K7.

import { toHex } from '../base/bytes.ts'
import { hasCode } from '../base/errors.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { LruMap } from '../base/lru-map.ts'
import { verify } from './ed25519.ts'
import { validatePublicKey } from './key.ts'
import type { VerifySignature } from './strict-verification.ts'

/**
 * Returns a function that verifies a signature by K1 to K6 and, if it is valid, the public key by
 * K7. The function keeps the results of the last `VERIFY_LIMITS.keysCachedMax` keys, because K7
 * takes about 1 ms.
 *
 * @example
 * const verify = validatedKeyVerifier()
 * verify(publicKey, message, sig) // true only if signature and key are valid
 */
export function validatedKeyVerifier(): VerifySignature {
  const results = new LruMap<string, boolean>(VERIFY_LIMITS.keysCachedMax)
  const isValidKey = (key: Uint8Array): boolean => {
    const name = toHex(key)
    const known = results.get(name)
    if (known !== undefined) return known
    const result = passesValidation(key)
    results.set(name, result)
    return result
  }
  return (key, message, sig) => verify(key, message, sig) && isValidKey(key)
}

function passesValidation(key: Uint8Array): boolean {
  try {
    validatePublicKey(key)
    return true
  } catch (error) {
    if (!hasCode(error, 'ERR_KEY')) throw error
    return false
  }
}
