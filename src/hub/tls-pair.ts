// Checks the certificate and the key of a hub before they are used.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { ReplicaError } from '../base/errors.ts'

/** PEM texts of a certificate, with its chain, and of its key. */
export interface TlsPair {
  readonly cert: string
  readonly key: string
}

/** @throws ReplicaError ERR_USAGE that says which of the two is wrong, and why */
export function checkTlsPair({ cert, key }: TlsPair): void {
  const certificate = attempt("the TLS certificate can't be read", () => new X509Certificate(cert))
  const isEncrypted = /ENCRYPTED/.test(key)
  const advice = isEncrypted ? "the TLS key is encrypted, and a hub can't ask for its passphrase" : undefined
  const privateKey = attempt(advice ?? "the TLS key can't be read", () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey))
    throw new ReplicaError('ERR_USAGE', 'the TLS certificate and the TLS key do not belong together')
  attempt("the TLS certificate and key can't be used", () => createSecureContext({ cert, key }))
}

function attempt<T>(otherwise: string, task: () => T): T {
  try {
    return task()
  } catch (cause) {
    // OpenSSL reports the mistakes of a file as errors of many codes.
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ReplicaError('ERR_USAGE', `${otherwise}: ${reason}`, { cause })
  }
}
