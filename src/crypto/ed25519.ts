// Which path checks and makes signatures in this thread: the fastest that is there and that passes the self-check.
// Chosen at first use, once. Specification: protocol/signature.md, K1 to K6 and K12.

import { ReplicaError } from '../base/errors.ts'
import { portable } from './provider-noble.ts'
import { openssl } from './provider-openssl.ts'
import { loadSodium } from './provider-sodium.ts'
import { passesSelfCheck } from './self-test.ts'
import { type SignaturePath, verifyBy } from './strict-verification.ts'

let chosen: SignaturePath | undefined

/** Is `sig` (64 bytes) a valid signature of `message` under `key` (32 bytes)? Never throws; a wrong length is a no. */
export function verify(key: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  return verifyBy(signaturePath(), key, message, sig)
}

/** The path in use in this process. */
export function signaturePath(): SignaturePath {
  chosen ??= choosePath(presentPaths())
  return chosen
}

/** Every path that can be had here, fastest first. */
export function presentPaths(): readonly SignaturePath[] {
  const sodium = loadSodium()
  return sodium === undefined ? [openssl, portable] : [sodium, openssl, portable]
}

/**
 * The first of `paths` that passes the self-check.
 * @throws ReplicaError ERR_INTERNAL when none does: then this machine must not judge signatures.
 */
export function choosePath(paths: readonly SignaturePath[]): SignaturePath {
  const path = paths.find(passesSelfCheck)
  if (path === undefined) {
    throw new ReplicaError('ERR_INTERNAL', 'no Ed25519 implementation on this machine gives right answers')
  }
  return path
}
