// Manifest of a hub at `/.well-known/vela`: any JSON object, signed as canonical JSON. The identity
// of a hub comes from the peer registry, never from its manifest, so the signer is compared with
// the expected key. Spec: protocol/registry-entry.md, E20.

import { utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { type Signer, signHex, type Verify, verifiesHex } from '../../event/signing.ts'
import { printJson } from '../../json/json.ts'
import { printRecord, RecordReader, readRecordText } from '../../json/record.ts'
import type { Json } from '../../json/value.ts'

/** A hub's manifest, with its signature if it is signed. */
export interface HubManifest {
  readonly manifest: Map<string, Json>
  /** `pubkey`: 64 lower-case hex digits; `value`: 128. */
  readonly signature: { readonly pubkey: string; readonly value: string } | undefined
}

const FORM = { what: 'hub manifest', code: 'ERR_ENTRY' } as const

/** Returns the signed bytes of a manifest: its canonical JSON. */
export function manifestPreimage(manifest: ReadonlyMap<string, Json>): Uint8Array {
  return utf8(printJson(new Map(manifest)))
}

/** Returns the canonical JSON of the signed response. */
export function signManifest(manifest: ReadonlyMap<string, Json>, signer: Signer): string {
  const signature = new Map<string, Json>([
    ['alg', 'Ed25519'],
    ['alg_variant', 'pure'],
    ['canonical_format', 'vela.canonical-json/v1'],
    ['pubkey', signer.publicKey],
    ['value', signHex(signer, manifestPreimage(manifest))],
  ])
  return printRecord({ manifest: new Map(manifest), mode: 'signed', signature }, new Map())
}

/**
 * Reads the response of `/.well-known/vela`; the signature is not checked.
 * @throws ReplicaError ERR_JSON, ERR_ENTRY
 */
export function readManifest(text: string | Uint8Array): HubManifest {
  const record = readRecordText(FORM, text)
  const manifest = record.value('manifest')
  if (!(manifest instanceof Map)) throw record.refuse('manifest is not an object')
  const signature = record.value('signature') ?? null
  const mode = record.string('mode')
  if (mode !== (signature === null ? 'unsigned' : 'signed')) throw record.refuse('mode and signature do not match')
  if (signature === null) return { manifest, signature: undefined }
  if (!(signature instanceof Map)) throw record.refuse('signature is not an object')
  const signed = new RecordReader(FORM, signature)
  if (signed.string('alg') !== 'Ed25519' || signed.string('alg_variant') !== 'pure')
    throw record.refuse('the signature is not pure Ed25519')
  return { manifest, signature: { pubkey: signed.hex('pubkey', 32), value: signed.hex('value', 64) } }
}

/**
 * Checks that the manifest is signed by the expected key, 64 lower-case hex digits.
 * @throws ReplicaError ERR_ENTRY_SIGNATURE
 */
export function checkManifest(signedManifest: HubManifest, options: { key: string; verify: Verify }): void {
  const { manifest, signature } = signedManifest
  if (signature === undefined) throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the hub manifest is not signed')
  if (signature.pubkey !== options.key)
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the hub manifest is signed by another key')
  const signed = { key: signature.pubkey, message: manifestPreimage(manifest), signature: signature.value }
  if (!verifiesHex(options.verify, signed))
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the signature of the hub manifest is not valid')
}
