// Ownership of a published frontier, and the decision whether a registry accepts an entry.
// Rotations of the owner's key, maintainers and deprecation are signed records, replayed in the
// order of arrival. Each record is checked against the rights at its place in that order, and
// counts once. A published entry is checked before anything changes, so that another party cannot
// affect the current entry. Spec: protocol/registry-entry.md, E11–E17.

import { equals, sha256, toHex, utf8 } from '../../base/bytes.ts'
import { type ErrorCode, hasCode, ReplicaError } from '../../base/errors.ts'
import { type Signer, signHex, type Verify, verifiesHex } from '../../event/signing.ts'
import { compareInstants, type Instant, parseInstant } from '../../json/instant.ts'
import { printRecord, type RecordReader, readRecordText } from '../../json/record.ts'
import type { Json } from '../../json/value.ts'
import { type ContentHashes, hashFault } from '../files/received-file.ts'
import { compareEntries, entryPreimage, type RegistryEntry, verifyEntry } from './registry-entry.ts'

export const ROTATION_SCHEMA = 'vela.frontier-owner-rotation.v0.1'
export const DEPRECATION_SCHEMA = 'vela.frontier-deprecation.v0.1'
export const MAINTAINER_SCHEMA = 'vela.frontier-maintainer.v0.1'

interface Signed {
  readonly vfr_id: string
  readonly reason: string
  /** 128 lower-case hex digits; not signed itself. */
  readonly signature: string
  /** 64 lower-case hex digits; not signed itself. */
  readonly signer_pubkey_hex: string
}

/** Replaces the owner's key. The member names of all records are the reference's JSON. */
export interface OwnerRotation extends Signed {
  readonly schema: typeof ROTATION_SCHEMA
  /** 64 lower-case hex digits. */
  readonly new_owner_pubkey: string
  /** RFC 3339. */
  readonly rotated_at: string
}

/** Ends the publication of a frontier. */
export interface Deprecation extends Signed {
  readonly schema: typeof DEPRECATION_SCHEMA
  /** RFC 3339. */
  readonly deprecated_at: string
}

/** Adds or removes a maintainer. */
export interface MaintainerAction extends Signed {
  readonly schema: typeof MAINTAINER_SCHEMA
  readonly action: 'add' | 'remove'
  /** 64 lower-case hex digits. */
  readonly maintainer_pubkey: string
  /** RFC 3339; orders the actions on one key. */
  readonly authorized_at: string
}

/** A signed record about the ownership of a frontier. */
export type OwnershipRecord = OwnerRotation | Deprecation | MaintainerAction

type Unsigned<R> = R extends OwnershipRecord ? Omit<R, 'signature' | 'signer_pubkey_hex'> : never
/** An ownership record before it is signed. */
export type OwnershipDraft = Unsigned<OwnershipRecord>

const FORM = { what: 'ownership record', code: 'ERR_ENTRY' } as const

/**
 * Reads a record of any of the three kinds, which `schema` tells apart. The signature is not
 * checked.
 * @throws ReplicaError ERR_JSON, ERR_ENTRY
 */
export function readOwnershipRecord(text: string | Uint8Array): OwnershipRecord {
  const record = readRecordText(FORM, text)
  const found = contentFrom(record)
  const signed = {
    vfr_id: record.frontier('vfr_id'),
    reason: record.words('reason'),
    signature: record.hex('signature', 64),
    signer_pubkey_hex: record.hex('signer_pubkey_hex', 32),
  }
  const [unknown] = record.rest().keys()
  if (unknown !== undefined) throw record.refuse('it has an unknown member')
  return { ...found, ...signed }
}

function contentFrom(record: RecordReader) {
  const schema = record.string('schema')
  if (schema === ROTATION_SCHEMA)
    return {
      schema,
      new_owner_pubkey: record.hex('new_owner_pubkey', 32),
      rotated_at: record.instant('rotated_at'),
    } as const
  if (schema === DEPRECATION_SCHEMA) return { schema, deprecated_at: record.instant('deprecated_at') } as const
  if (schema !== MAINTAINER_SCHEMA) throw record.refuse('schema is not that of an ownership record')
  const action = record.string('action')
  if (action !== 'add' && action !== 'remove') throw record.refuse('action is neither add nor remove')
  const maintainer_pubkey = record.hex('maintainer_pubkey', 32)
  return { schema, action, maintainer_pubkey, authorized_at: record.instant('authorized_at') } as const
}

/** Returns the canonical JSON of the record. */
export function printOwnershipRecord(record: OwnershipRecord): string {
  return printRecord({ ...record }, new Map())
}

/**
 * Returns the signed bytes: the canonical JSON of all members except `signature` and
 * `signer_pubkey_hex`.
 */
export function ownershipPreimage(record: OwnershipDraft): Uint8Array {
  const { signature: _, signer_pubkey_hex: __, ...content } = record as OwnershipRecord
  return utf8(printRecord(content as Record<string, Json>, new Map()))
}

/** Returns the signed record. @throws ReplicaError ERR_ENTRY if the draft is malformed */
export function signOwnershipRecord(draft: OwnershipDraft, signer: Signer): OwnershipRecord {
  const signature = signHex(signer, ownershipPreimage(draft))
  return readOwnershipRecord(printRecord({ ...draft, signature, signer_pubkey_hex: signer.publicKey }, new Map()))
}

/** The ownership of a frontier after its records. */
export interface Ownership {
  /** The key that may publish, rotate and deprecate: 64 lower-case hex digits. */
  readonly owner: string
  /** Earlier keys of the owner; they never become the owner's key again. */
  readonly former: readonly string[]
  /** Keys whose latest action is `add`, in byte order; 64 lower-case hex digits each. */
  readonly maintainers: readonly string[]
  /** The first valid one; it is permanent. */
  readonly deprecation: Deprecation | undefined
  /** Records that were refused, by their index in the list. */
  readonly refused: readonly { index: number; code: ErrorCode; reason: string }[]
}

/** The state after some records, from which further records continue. */
export interface OwnershipState {
  readonly owner: string
  readonly former: readonly string[]
  readonly maintainers: ReadonlyMap<string, { readonly action: 'add' | 'remove'; readonly at: Instant }>
  readonly deprecation: Deprecation | undefined
  /** Hashes of the records that were applied. */
  readonly counted: ReadonlySet<string>
}

/** Returns the state before any record. */
export function initialOwnership(publisher: string): OwnershipState {
  return { owner: publisher, former: [], maintainers: new Map(), deprecation: undefined, counted: new Set() }
}

/** How applyOwnershipRecord checks a record. */
export interface OwnershipRecordOptions {
  readonly frontier: string
  readonly verify: Verify
  /**
   * The owner at this record's place, if other sources than records determine it; empty if nobody
   * is the owner.
   */
  readonly owner?: string
}

/**
 * Returns the state after one more record; the same object if the record was applied before.
 * @throws ReplicaError ERR_ENTRY, ERR_ENTRY_SIGNATURE, ERR_ENTRY_OWNER, ERR_ENTRY_STALE for a
 *   refused record
 */
export function applyOwnershipRecord(
  before: OwnershipState,
  record: OwnershipRecord,
  options: OwnershipRecordOptions,
): OwnershipState {
  const name = toHex(sha256(ownershipPreimage(record)))
  if (before.counted.has(name)) return before
  checkRecord(record, options)
  const { owner = before.owner } = options
  if (owner === '') throw noRight('the key no longer has rights for this frontier')
  const former = owner === before.owner ? before.former : [...before.former, before.owner]
  const after = stateAfter({ ...before, owner, former }, record)
  return { ...after, counted: new Set([...before.counted, name]) }
}

/** Returns the ownership of a state. */
export function ownershipFrom({ owner, former, maintainers, deprecation }: OwnershipState): Omit<Ownership, 'refused'> {
  const current = [...maintainers].filter(([, { action }]) => action === 'add').map(([key]) => key)
  return { owner, former, maintainers: current.sort(), deprecation }
}

/**
 * Returns the ownership after these records, in order of arrival, of a frontier that `publisher`
 * published first. A repeated record is skipped. A record without the right to it is refused and
 * changes nothing.
 */
export function replayOwnership(
  publisher: string,
  records: readonly OwnershipRecord[],
  options: { frontier: string; verify: Verify },
): Ownership {
  let state = initialOwnership(publisher)
  const refused: { index: number; code: ErrorCode; reason: string }[] = []
  for (const [index, record] of records.entries()) {
    try {
      state = applyOwnershipRecord(state, record, options)
    } catch (error) {
      if (!hasCode(error)) throw error
      refused.push({ index, code: error.code, reason: error.message })
    }
  }
  return { ...ownershipFrom(state), refused }
}

function checkRecord(record: OwnershipRecord, options: { frontier: string; verify: Verify }): void {
  if (record.vfr_id !== options.frontier) throw new ReplicaError('ERR_ENTRY', 'the record is about another frontier')
  const { signer_pubkey_hex: key, signature } = record
  if (!verifiesHex(options.verify, { key, message: ownershipPreimage(record), signature }))
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the signature of the record is not valid')
}

function stateAfter(before: OwnershipState, record: OwnershipRecord): OwnershipState {
  const byOwner = record.signer_pubkey_hex === before.owner
  if (record.schema === MAINTAINER_SCHEMA) {
    const { action, maintainer_pubkey: key } = record
    const byMaintainer = before.maintainers.get(record.signer_pubkey_hex)?.action === 'add'
    if (!byOwner && !byMaintainer) throw noRight('only the owner and maintainers may change the maintainers')
    const at = parseInstant(record.authorized_at)
    const latest = before.maintainers.get(key)
    if (latest !== undefined && compareInstants(at, latest.at) <= 0)
      throw new ReplicaError(
        'ERR_ENTRY_STALE',
        'an action on this maintainer with the same or a later time was applied before',
      )
    return { ...before, maintainers: new Map(before.maintainers).set(key, { action, at }) }
  }
  if (!byOwner) throw noRight('only the owner may rotate the key and deprecate the frontier')
  if (record.schema === DEPRECATION_SCHEMA) {
    if (before.deprecation !== undefined)
      throw new ReplicaError('ERR_ENTRY_STALE', 'the frontier is already deprecated')
    return { ...before, deprecation: record }
  }
  const next = record.new_owner_pubkey
  if (next === before.owner || before.former.includes(next)) throw noRight('the new key is or was the owner’s key')
  return { ...before, owner: next, former: [...before.former, before.owner] }
}

function noRight(reason: string): ReplicaError {
  return new ReplicaError('ERR_ENTRY_OWNER', reason)
}

/** The state that a published entry is checked against. */
export interface Publication {
  /** The current entry of this frontier. */
  readonly live: RegistryEntry | undefined
  /** Undefined if the frontier was never published here. */
  readonly ownership: Ownership | undefined
  /**
   * The content sent with the entry: the frontier id that it states, and its hashes. Undefined if
   * none was sent.
   */
  readonly content: (ContentHashes & { readonly frontier: string | undefined }) | undefined
  readonly verify: Verify
}

/**
 * Decides whether a registry accepts a published entry. `first` and `next` are stored; `duplicate`
 * means that the current entry is the same.
 * @throws ReplicaError ERR_ENTRY (the content is of another frontier, or has other hashes),
 *   ERR_ENTRY_SIGNATURE, ERR_ENTRY_OWNER, ERR_ENTRY_STALE (not later than the current entry, or the
 *   frontier is deprecated)
 */
export function judgePublication(entry: RegistryEntry, publication: Publication): 'first' | 'next' | 'duplicate' {
  const { live, ownership, content, verify } = publication
  if (!verifyEntry(entry, verify))
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the signature of the entry is not its owner’s')
  if (content !== undefined && content.frontier !== entry.vfr_id)
    throw new ReplicaError('ERR_ENTRY', 'the content of the entry is of another frontier')
  const fault = content && hashFault(entry, content)
  if (fault !== undefined) throw new ReplicaError('ERR_ENTRY', fault)
  if (live !== undefined && live.signature === entry.signature && equals(entryPreimage(live), entryPreimage(entry)))
    return 'duplicate'
  if (ownership !== undefined && ownership.owner !== entry.owner_pubkey)
    throw new ReplicaError('ERR_ENTRY_OWNER', 'the frontier belongs to another key')
  if (ownership?.deprecation !== undefined)
    throw new ReplicaError('ERR_ENTRY_STALE', 'the frontier is deprecated; publish a successor as a new frontier')
  if (live === undefined) return 'first'
  if (live.vfr_id !== entry.vfr_id) throw new TypeError('the current entry is of another frontier')
  if (ownership === undefined) throw new TypeError('a frontier with an entry has an owner')
  if (compareEntries(entry, live) <= 0)
    throw new ReplicaError('ERR_ENTRY_STALE', 'the entry is not later than the current one')
  return 'next'
}
