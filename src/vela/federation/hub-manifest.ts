// A hub's word about itself at `/.well-known/vela` (protocol/registry-entry.md, E20): a manifest of any content, signed as
// canonical JSON. Who a hub is comes from the registry of peers, never from its manifest: the signer is told apart from
// the hub that was expected.

import { utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { type Signer, signHex, type Verify, verifiesHex } from '../../event/signing.ts'
import { printJson } from '../../json/json.ts'
import { printRecord, RecordReader, readRecordText } from '../../json/record.ts'
import type { Json } from '../../json/value.ts'

export interface HubManifest {
  readonly manifest: Map<string, Json>
  readonly signature: { readonly pubkey: string; readonly value: string } | undefined
}

const FORM = { what: 'hub manifest', code: 'ERR_ENTRY' } as const

/** What the signature of a manifest is made over: its canonical JSON. */
export function manifestPreimage(manifest: ReadonlyMap<string, Json>): Uint8Array {
  return utf8(printJson(new Map(manifest)))
}

/** Canonical JSON of the whole answer, signed. */
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

/** @throws ReplicaError ERR_JSON, ERR_ENTRY */
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

/** The manifest is signed, and by the key expected. @throws ReplicaError ERR_ENTRY_SIGNATURE */
export function checkManifest(answer: HubManifest, options: { key: string; verify: Verify }): void {
  const { manifest, signature } = answer
  if (signature === undefined) throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the hub manifest is not signed')
  if (signature.pubkey !== options.key)
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the hub manifest is signed by another key')
  const signed = { key: signature.pubkey, message: manifestPreimage(manifest), signature: signature.value }
  if (!verifiesHex(options.verify, signed))
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the signature of the hub manifest is not valid')
}
