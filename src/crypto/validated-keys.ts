// Signatures under keys that nobody has registered, and that no registration has vetted: those that events name themselves. The one rule
// (protocol/signature.md, K1 to K6), and of what passes it the vetting of the key (K7) as well. Verdicts about keys are kept.

import { toHex } from '../base/bytes.ts'
import { hasCode } from '../base/errors.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { verify } from './ed25519.ts'
import { validatePublicKey } from './key.ts'

/** By key, the latest asked for last. */
const verdicts = new Map<string, boolean>()

/** Is `sig` (64 bytes) a valid signature of `message` under `key` (32 bytes), and the key a vetted one? Never throws. */
export function verifyWithValidatedKey(key: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  return verify(key, message, sig) && isVetted(key)
}

function isVetted(key: Uint8Array): boolean {
  const name = toHex(key)
  const known = verdicts.get(name)
  verdicts.delete(name)
  const verdict = known ?? passes(key)
  verdicts.set(name, verdict)
  const [oldest] = verdicts.keys()
  if (verdicts.size > VERIFY_LIMITS.keysCachedMax) verdicts.delete(oldest!)
  return verdict
}

function passes(key: Uint8Array): boolean {
  try {
    validatePublicKey(key)
    return true
  } catch (error) {
    if (!hasCode(error, 'ERR_KEY')) throw error
    return false
  }
}
