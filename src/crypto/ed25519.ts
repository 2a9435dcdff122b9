// Chooses the Ed25519 provider of this thread: the fastest one that is available and passes the
// self-test.
// Spec: protocol/signature.md, K1 to K6 and K12.

import { ReplicaError } from '../base/errors.ts'
import { nobleProvider } from './provider-noble.ts'
import { createOpensslProvider } from './provider-openssl.ts'
import { loadSodiumProvider } from './provider-sodium.ts'
import { passesSelfTest } from './self-test.ts'
import { type SignatureProvider, strictVerifier, type VerifySignature } from './strict-verification.ts'

/**
 * The choice of this thread. It is a cache of a constant: every provider gives the same results,
 * and which ones are available does not change. It is made at the first use, because loading
 * libsodium and the self-test take 20 ms.
 */
let chosen: { readonly provider: SignatureProvider; readonly verify: VerifySignature } | undefined

/** The provider for public keys of this thread: a cache as well. */
let keys: SignatureProvider | undefined

/**
 * Returns whether `sig` (64 bytes) is a valid signature of `message` under the public key `key` (32
 * bytes), by K1 to K6. Returns false for a value of a wrong type or length.
 * @throws ReplicaError ERR_INTERNAL if no provider passes the self-test
 */
export function verify(key: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  return choice().verify(key, message, sig)
}

/**
 * Returns the provider in use in this thread.
 * @throws ReplicaError ERR_INTERNAL if no provider passes the self-test
 */
export function signatureProvider(): SignatureProvider {
  return choice().provider
}

/**
 * Returns a provider for public keys. OpenSSL is loaded already, and a command that signs and
 * verifies nothing needs no other.
 * @throws ReplicaError ERR_INTERNAL if no provider passes the self-test
 */
export function keyProvider(): SignatureProvider {
  keys ??= chosen?.provider ?? chooseProvider([createOpensslProvider(), nobleProvider])
  return keys
}

/** Returns every provider that is available in this process, fastest first. */
export function availableProviders(): readonly SignatureProvider[] {
  const sodium = loadSodiumProvider()
  const others = [createOpensslProvider(), nobleProvider]
  return sodium === undefined ? others : [sodium, ...others]
}

/**
 * Returns the first of `providers` that passes the self-test.
 * @throws ReplicaError ERR_INTERNAL if none passes: this machine must not verify signatures
 */
export function chooseProvider(providers: readonly SignatureProvider[]): SignatureProvider {
  const provider = providers.find(passesSelfTest)
  if (provider === undefined) {
    throw new ReplicaError('ERR_INTERNAL', 'every Ed25519 implementation on this machine fails the self-test')
  }
  return provider
}

function choice(): { readonly provider: SignatureProvider; readonly verify: VerifySignature } {
  if (chosen === undefined) {
    const provider = chooseProvider(availableProviders())
    chosen = { provider, verify: strictVerifier(provider) }
  }
  return chosen
}
