// Checkpoints of a registry: an operator's signed statement that the registry holds exactly these
// entries. Operators with equal entries have equal roots, so comparing roots shows a split.
// Spec: protocol/registry-entry.md, E18, E19.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { type Verify, verifiesHex } from '../../event/signing.ts'
import { printJson } from '../../json/json.ts'
import { printRecord, readRecordText } from '../../json/record.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import type { RegistryEntry } from './registry-entry.ts'
import { sortedEntries } from './registry-file.ts'

const CHECKPOINT_SCHEMA = 'vela.registry_checkpoint.v0.1'

/** A registry checkpoint. The member names are the reference's JSON. */
export interface Checkpoint {
  readonly schema: typeof CHECKPOINT_SCHEMA
  /**
   * `vrc_` and 16 lower-case hex digits of the hash of all other members, the signature included.
   */
  readonly checkpoint_id: string
  readonly hub_id: string
  readonly sequence: bigint
  readonly entry_count: bigint
  /** `sha256:` and 64 lower-case hex digits. */
  readonly registry_root: string
  readonly previous_checkpoint: string | undefined
  /** 64 lower-case hex digits. */
  readonly signer_pubkey: string
  /** 128 lower-case hex digits. */
  readonly signature: string
  /** RFC 3339. */
  readonly created_at: string
}

const FORM = { what: 'checkpoint', code: 'ERR_ENTRY' } as const

/** Returns `sha256:` and 64 hex digits over a set of entries; their order does not matter. */
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

/** Reads a checkpoint; further members are refused. @throws ReplicaError ERR_JSON, ERR_ENTRY */
export function readCheckpoint(text: string | Uint8Array): Checkpoint {
  const record = readRecordText(FORM, text)
  const matching = (name: string, pattern: RegExp): string => {
    const value = record.string(name)
    if (!pattern.test(value)) throw record.refuse(`${name} is malformed`)
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

/** Returns the canonical JSON of the checkpoint. */
function printCheckpoint(checkpoint: Checkpoint): string {
  const { sequence, entry_count, ...texts } = checkpoint
  const counts = { sequence: JsonNumber.integer(sequence), entry_count: JsonNumber.integer(entry_count) }
  return printRecord({ ...texts, ...counts }, new Map())
}

/** Returns the signed bytes: the canonical checkpoint with an empty id and an empty signature. */
export function checkpointPreimage(checkpoint: Checkpoint): Uint8Array {
  return utf8(printCheckpoint({ ...checkpoint, checkpoint_id: '', signature: '' }))
}

/** Returns `vrc_` and 16 hex digits over the checkpoint with an empty id, signature included. */
export function checkpointId(checkpoint: Checkpoint): string {
  return `vrc_${toHex(sha256(utf8(printCheckpoint({ ...checkpoint, checkpoint_id: '' }))).subarray(0, 8))}`
}

/**
 * Checks that the id, the root and the count are those of these entries and that the signature is
 * the signer's.
 * @throws ReplicaError ERR_ENTRY, ERR_ENTRY_SIGNATURE
 */
export function checkCheckpoint(checkpoint: Checkpoint, entries: readonly RegistryEntry[], verify: Verify): void {
  const { checkpoint_id, registry_root, entry_count, signer_pubkey: key, signature } = checkpoint
  if (checkpoint_id !== checkpointId(checkpoint)) throw wrong('the id does not match the content')
  if (registry_root !== registryRoot(entries)) throw wrong('the root does not match the entries')
  if (entry_count !== BigInt(entries.length)) throw wrong('entry_count does not match the entries')
  if (!verifiesHex(verify, { key, message: checkpointPreimage(checkpoint), signature }))
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the signature of the checkpoint is not valid')
}

function wrong(reason: string): ReplicaError {
  return new ReplicaError('ERR_ENTRY', `checkpoint: ${reason}`)
}

/** The result of comparing the answers of several witnesses. */
export interface Agreement {
  readonly verdict: 'insufficient' | 'unanimous' | 'majority' | 'split'
  /** The answer of more than half; undefined for a split and for fewer than two answers. */
  readonly value: string | undefined
  /** Each distinct answer with its count, the most frequent first, then in text order. */
  readonly votes: readonly { readonly value: string; readonly count: number }[]
}

/**
 * Compares the answers of witnesses about one thing, such as the hash of an entry or the root of a
 * registry.
 */
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
