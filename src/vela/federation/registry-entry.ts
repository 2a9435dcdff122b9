// Registry entries: an owner's signed statement of where a frontier is published and of its two
// hashes. The form and the signed text are the reference's. The reader is strict and keeps unknown
// members. An entry is valid only for the frontier that was requested.
// Spec: protocol/registry-entry.md, E4–E8.

import { utf8 } from '../../base/bytes.ts'
import { type Signer, signHex, type Verify, verifiesHex } from '../../event/signing.ts'
import { compareInstants, parseInstant } from '../../json/instant.ts'
import { printRecord, type RecordReader, readRecordText } from '../../json/record.ts'
import type { Json } from '../../json/value.ts'

const ENTRY_SCHEMA = 'vela.registry-entry.v0.1'

/** The nine members that the owner signs. The member names are the reference's JSON. */
export interface EntryContent {
  readonly schema: string
  /** `vfr_…` */
  readonly vfr_id: string
  readonly name: string
  readonly owner_actor_id: string
  /** 64 lower-case hex digits, like the two hashes. */
  readonly owner_pubkey: string
  readonly latest_snapshot_hash: string
  readonly latest_event_log_hash: string
  readonly network_locator: string
  /** RFC 3339. */
  readonly signed_publish_at: string
}

/** A signed registry entry. */
export interface RegistryEntry extends EntryContent {
  /** 128 lower-case hex digits. */
  readonly signature: string
  /** Not signed: any party that forwards the entry may have changed it. */
  readonly license: string | undefined
  /** Unknown members, kept and forwarded; not signed. */
  readonly rest: ReadonlyMap<string, Json>
}

export const ENTRY_FORM = { what: 'registry entry', code: 'ERR_ENTRY' } as const

/** Reads an entry; the signature is not checked. @throws ReplicaError ERR_JSON, ERR_ENTRY */
export function readEntry(text: string | Uint8Array): RegistryEntry {
  return entryFrom(readRecordText(ENTRY_FORM, text))
}

/** Returns the entry whose members `record` reads. @throws ReplicaError ERR_ENTRY */
export function entryFrom(record: RecordReader): RegistryEntry {
  const content = entryContent(record)
  const signature = record.hex('signature', 64)
  const license = record.optional('license')
  return { ...content, signature, license, rest: record.rest() }
}

function entryContent(record: RecordReader): EntryContent {
  return {
    schema: record.schema(ENTRY_SCHEMA, { required: false }),
    vfr_id: record.frontier('vfr_id'),
    name: record.string('name'),
    owner_actor_id: record.words('owner_actor_id'),
    owner_pubkey: record.hex('owner_pubkey', 32),
    latest_snapshot_hash: record.hex('latest_snapshot_hash', 32),
    latest_event_log_hash: record.hex('latest_event_log_hash', 32),
    network_locator: record.words('network_locator'),
    signed_publish_at: record.instant('signed_publish_at'),
  }
}

/** Returns the canonical JSON of the whole entry, unknown members included. */
export function printEntry(entry: RegistryEntry): string {
  const { rest, license, signature } = entry
  return printRecord({ ...contentOf(entry), signature, license }, rest)
}

/** Returns the signed bytes of an entry: the canonical JSON of the nine members of its content. */
export function entryPreimage(entry: EntryContent): Uint8Array {
  return utf8(printRecord(contentOf(entry), new Map()))
}

/** The members of an entry before it is signed; signEntry adds the schema and the owner's key. */
export interface EntryDraft extends Omit<EntryContent, 'schema' | 'owner_pubkey'> {
  readonly license?: string
}

/**
 * Returns a new entry signed by the owner; it passes the checks of readEntry.
 * @throws ReplicaError ERR_ENTRY, ERR_JSON
 */
export function signEntry(draft: EntryDraft, owner: Signer): RegistryEntry {
  const { license, ...members } = draft
  const content = contentOf({ ...members, schema: ENTRY_SCHEMA, owner_pubkey: owner.publicKey })
  const signature = signHex(owner, entryPreimage(content))
  return readEntry(printRecord({ ...content, signature, license }, new Map()))
}

/**
 * Returns whether the signature is valid under the key that the entry names. This does not identify
 * the owner.
 */
export function verifyEntry(entry: RegistryEntry, verify: Verify): boolean {
  return verifiesHex(verify, {
    key: entry.owner_pubkey,
    message: entryPreimage(entry),
    signature: entry.signature,
  })
}

/**
 * Returns the current entry of a frontier: of those that name it and that its owner signed, the one
 * with the latest instant; of several with the same instant, the last in the list. `owner` comes
 * from replayOwnership. Invalid and foreign entries are ignored.
 */
export function latestEntry(
  entries: readonly RegistryEntry[],
  options: { frontier: string; owner: string; verify: Verify },
): RegistryEntry | undefined {
  const { frontier, owner, verify } = options
  let latest: RegistryEntry | undefined
  for (const entry of entries) {
    if (entry.vfr_id !== frontier || entry.owner_pubkey !== owner || !verifyEntry(entry, verify)) continue
    if (latest === undefined || compareEntries(latest, entry) <= 0) latest = entry
  }
  return latest
}

/**
 * Negative if `a` was published earlier than `b`.
 * @throws ReplicaError ERR_INSTANT, never for entries of readEntry
 */
export function compareEntries(a: EntryContent, b: EntryContent): number {
  return compareInstants(parseInstant(a.signed_publish_at), parseInstant(b.signed_publish_at))
}

/**
 * Returns the key that published a frontier first: the key of its first valid entry in order of
 * arrival.
 */
export function publisherOf(
  entries: readonly RegistryEntry[],
  options: { frontier: string; verify: Verify },
): string | undefined {
  const first = entries.find(entry => entry.vfr_id === options.frontier && verifyEntry(entry, options.verify))
  return first?.owner_pubkey
}

function contentOf(entry: EntryContent): Record<keyof EntryContent, string> {
  return {
    schema: entry.schema,
    vfr_id: entry.vfr_id,
    name: entry.name,
    owner_actor_id: entry.owner_actor_id,
    owner_pubkey: entry.owner_pubkey,
    latest_snapshot_hash: entry.latest_snapshot_hash,
    latest_event_log_hash: entry.latest_event_log_hash,
    network_locator: entry.network_locator,
    signed_publish_at: entry.signed_publish_at,
  }
}
