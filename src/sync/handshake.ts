// The bytes that each side signs to prove its key.
// They contain a domain string, the role, the host that the client dialled, the TLS exporter if
// both ends see one, and the hash of both hellos. Roles and nonces make a proof useless anywhere
// else.
// Spec: protocol/sync.md, S11 to S14.

import { concat, sha256, utf8 } from '../base/bytes.ts'

/** Role of a side of a connection. */
export type Role = 'client' | 'hub'

const DOMAIN = 'replica/proof/1\n'

/** The values that a proof binds together. */
export interface ProofInput {
  readonly role: Role
  /**
   * Authority that the client dialled, as in its Host header: `hub.example` or `127.0.0.1:7700`.
   */
  readonly host: string
  /**
   * TLS exporter, 32 bytes (label `EXPORTER-replica-sync`); undefined if a side does not terminate
   * TLS.
   */
  readonly binding: Uint8Array | undefined
  readonly clientHello: Uint8Array
  readonly hubHello: Uint8Array
}

/**
 * Returns the signed bytes: domain, role line, host line, 1 byte of binding length, binding,
 * 32-byte hash.
 */
export function proofBytes(input: ProofInput): Uint8Array {
  const binding = input.binding ?? new Uint8Array(0)
  const hellos = sha256(concat([sha256(input.clientHello), sha256(input.hubHello)]))
  return concat([
    utf8(`${DOMAIN}${input.role}\n${input.host.toLowerCase()}\n`),
    Uint8Array.of(binding.length),
    binding,
    hellos,
  ])
}
