// Checkpoints of a registry (protocol/registry-entry.md, E18, E19): an operator's signed word that the registry held exactly
// these entries. Two operators who hold the same entries have the same root, so a split shows by comparing roots.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { type Signer, signHex, type Verify, verifiesHex } from '../../event/signing.ts'
import { printJson } from '../../json/json.ts'
import { printRecord, readRecordText } from '../../json/record.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import type { RegistryEntry } from './registry-entry.ts'
import { sortedEntries } from './registry-file.ts'

export const CHECKPOINT_SCHEMA = 'vela.registry_checkpoint.v0.1'

export interface Checkpoint {
  readonly schema: typeof CHECKPOINT_SCHEMA
  /** `vrc_` and 16 lower-case hex digits, over everything else, the signature too. */
  readonly checkpoint_id: string
  readonly hub_id: string
  readonly sequence: bigint
  readonly entry_count: bigint
  /** `sha256:` and 64 lower-case hex digits. */
  readonly registry_root: string
  readonly previous_checkpoint: string | undefined
  readonly signer_pubkey: string
  readonly signature: string
  readonly created_at: string
}

const FORM = { what: 'checkpoint', code: 'ERR_ENTRY' } as const

/** One hash over what a set of entries says, whatever their order. */
export function registryRoot(entries: readonly RegistryEntry[]): string {
  const rows = sortedEntries(entries).map(
    entry =>
      new Map<string, Json>([
        ['vfr_id', entry.vfr_id],
        ['latest_snapshot_hash', entry.latest_snapshot_hash],
        ['latest_event_log_hash', entry.latest_event_log_hash],
        ['owner_pubkey', entry.owner_pubkey],
        ['signature', entry.signature],
      ]),
  )
  return `sha256:${toHex(sha256(utf8(printJson(rows))))}`
}

/** @throws ReplicaError ERR_JSON, ERR_ENTRY */
export function readCheckpoint(text: string | Uint8Array): Checkpoint {
  const record = readRecordText(FORM, text)
  const matching = (name: string, pattern: RegExp): string => {
    const value = record.string(name)
    if (!pattern.test(value)) throw record.refuse(`${name} is not of its form`)
    return value
  }
  const count = (name: string): bigint => {
    const value = record.value(name)
    if (value instanceof JsonNumber && value.isInteger && value.toBigInt() >= 0n) return value.toBigInt()
    throw record.refuse(`${name} is not a count`)
  }
  const previous = (record.value('previous_checkpoint') ?? null) === null
  const checkpoint: Checkpoint = {
    schema: record.schema(CHECKPOINT_SCHEMA, { required: true }) as typeof CHECKPOINT_SCHEMA,
    checkpoint_id: matching('checkpoint_id', CHECKPOINT_ID),
    hub_id: record.words('hub_id'),
    sequence: count('sequence'),
    entry_count: count('entry_count'),
    registry_root: matching('registry_root', /^sha256:[0-9a-f]{64}$/),
    previous_checkpoint: previous ? undefined : matching('previous_checkpoint', CHECKPOINT_ID),
    signer_pubkey: record.hex('signer_pubkey', 32),
    signature: record.hex('signature', 64),
    created_at: record.instant('created_at'),
  }
  if (record.rest().size > 0) throw record.refuse('it has an unknown member')
  return checkpoint
}

const CHECKPOINT_ID = /^vrc_[0-9a-f]{16}$/

/** Canonical JSON of the checkpoint. */
export function printCheckpoint(checkpoint: Checkpoint): string {
  const { sequence, entry_count, ...texts } = checkpoint
  const counts = { sequence: JsonNumber.integer(sequence), entry_count: JsonNumber.integer(entry_count) }
  return printRecord({ ...texts, ...counts }, new Map())
}

/** What is signed: the checkpoint with empty id and empty signature. */
export function checkpointPreimage(checkpoint: Checkpoint): Uint8Array {
  return utf8(printCheckpoint({ ...checkpoint, checkpoint_id: '', signature: '' }))
}

/** `vrc_` and 16 hex digits over the checkpoint with an empty id, signature included. */
export function checkpointId(checkpoint: Checkpoint): string {
  return `vrc_${toHex(sha256(utf8(printCheckpoint({ ...checkpoint, checkpoint_id: '' }))).subarray(0, 8))}`
}

export interface CheckpointDraft {
  readonly hub_id: string
  readonly sequence: number | bigint
  readonly previous_checkpoint?: string
  readonly created_at: string
}

/** @throws ReplicaError ERR_ENTRY when the draft is of no such form */
export function makeCheckpoint(entries: readonly RegistryEntry[], draft: CheckpointDraft, signer: Signer): Checkpoint {
  const { hub_id, sequence, previous_checkpoint, created_at } = draft
  const unsigned: Checkpoint = {
    schema: CHECKPOINT_SCHEMA,
    checkpoint_id: '',
    hub_id,
    sequence: BigInt(sequence),
    entry_count: BigInt(entries.length),
    registry_root: registryRoot(entries),
    previous_checkpoint,
    signer_pubkey: signer.publicKey,
    signature: '',
    created_at,
  }
  const signed = { ...unsigned, signature: signHex(signer, checkpointPreimage(unsigned)) }
  return readCheckpoint(printCheckpoint({ ...signed, checkpoint_id: checkpointId(signed) }))
}

/** Its id, root and count are right for these entries and its signature is the signer's. @throws ReplicaError ERR_ENTRY, ERR_ENTRY_SIGNATURE */
export function checkCheckpoint(checkpoint: Checkpoint, entries: readonly RegistryEntry[], verify: Verify): void {
  const { checkpoint_id, registry_root, entry_count, signer_pubkey: key, signature } = checkpoint
  if (checkpoint_id !== checkpointId(checkpoint)) throw wrong('its id is not that of its content')
  if (registry_root !== registryRoot(entries)) throw wrong('its root is not that of the entries')
  if (entry_count !== BigInt(entries.length)) throw wrong('it counts other entries')
  if (!verifiesHex(verify, { key, message: checkpointPreimage(checkpoint), signature }))
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the signature of the checkpoint is not valid')
}

function wrong(reason: string): ReplicaError {
  return new ReplicaError('ERR_ENTRY', `checkpoint: ${reason}`)
}

export interface Agreement {
  readonly verdict: 'insufficient' | 'unanimous' | 'majority' | 'split'
  /** What most of them say; undefined for a split and for too few answers. */
  readonly value: string | undefined
  /** Each answer with how often it came, the most frequent first, then in text order. */
  readonly votes: readonly { readonly value: string; readonly count: number }[]
}

/** What two or more witnesses say of the same thing, such as the hash of an entry or a registry's root. */
export function agreement(answers: readonly string[]): Agreement {
  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  const votes = [...counts].map(([value, count]) => ({ value, count }))
  votes.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
  const [first] = votes
  if (first === undefined || answers.length < 2) return { verdict: 'insufficient', value: undefined, votes }
  if (votes.length === 1) return { verdict: 'unanimous', value: first.value, votes }
  const majority = first.count * 2 > answers.length
  return { verdict: majority ? 'majority' : 'split', value: majority ? first.value : undefined, votes }
}
