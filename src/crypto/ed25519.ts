// Which path checks and makes signatures in this thread: the fastest that is there and that passes the self-check.
// Chosen at first use, once. Specification: protocol/signature.md, K1 to K6 and K12.

import { ReplicaError } from '../base/errors.ts'
import { nobleProvider } from './provider-noble.ts'
import { openssl } from './provider-openssl.ts'
import { loadSodium } from './provider-sodium.ts'
import { passesSelfTest } from './self-test.ts'
import { type SignatureProvider, verifyBy } from './strict-verification.ts'

let chosen: SignatureProvider | undefined

/** Is `sig` (64 bytes) a valid signature of `message` under `key` (32 bytes)? Never throws; a wrong length is a no. */
export function verify(key: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  return verifyBy(signaturePath(), key, message, sig)
}

/** The path in use in this process. */
export function signaturePath(): SignatureProvider {
  chosen ??= choosePath(availableProviders())
  return chosen
}

/** Every path that can be had here, fastest first. */
export function availableProviders(): readonly SignatureProvider[] {
  const sodium = loadSodium()
  return sodium === undefined ? [openssl, nobleProvider] : [sodium, openssl, nobleProvider]
}

/**
 * The first of `paths` that passes the self-check.
 * @throws ReplicaError ERR_INTERNAL when none does: then this machine must not judge signatures.
 */
export function choosePath(paths: readonly SignatureProvider[]): SignatureProvider {
  const path = paths.find(passesSelfTest)
  if (path === undefined) {
    throw new ReplicaError('ERR_INTERNAL', 'no Ed25519 implementation on this machine gives right answers')
  }
  return path
}
