// What each side signs to prove its key: a domain string, its role, the host that the client dialled, the TLS exporter
// where both ends see one, and the hash of both hellos. Roles and nonces make a proof worthless anywhere else.
// Specification: protocol/sync.md, S11 to S14.

import { concat, sha256, utf8 } from '../base/bytes.ts'

export type Role = 'client' | 'hub'

const DOMAIN = 'replica/proof/1\n'

export interface ProofInput {
  readonly role: Role
  /** Authority the client dialled, lower case, as in its Host header: `hub.example` or `127.0.0.1:7700`. */
  readonly host: string
  /** 32 bytes of TLS exporter (label `EXPORTER-replica-sync`), or none where a side does not end the TLS itself. */
  readonly binding: Uint8Array | undefined
  readonly clientHello: Uint8Array
  readonly hubHello: Uint8Array
}

/** The bytes that a proof signs: domain, role line, host line, one byte of binding length, binding, 32-byte hash. */
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
