// Encodes registry entries as store records: one record per peer and per cut.
// The key of a record names the frontier, the kind and the public key, so a change is one small
// write.
// Spec: protocol/admission.md, D18 and D24.

import { concat, type Digest, fromHex, toHex } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { REGISTRY_LIMITS } from '../base/limits.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import type { RecordChange, Records } from '../store/store.ts'
import { isLiveSetting, isQuota, type Peer } from './peer.ts'
import { splitDigests } from './registry-offer.ts'

/** A removed key. Nodes that it signed up to these heads stay; later ones are refused. */
export interface Cut {
  /** The peer id that the key had. */
  readonly id: string
  /** 64 hex digits. */
  readonly publicKey: string
  /** Hex digests, ascending. */
  readonly heads: readonly string[]
  /** RFC 3339, for people. */
  readonly at: string
}

/** A cut to make. */
export interface CutDraft {
  /** The heads of the frontier at this moment. */
  readonly heads: readonly Digest[]
  /** RFC 3339, for people. */
  readonly at: string
}

type Kind = 'peer' | 'cut'

const PAGE = 256

/**
 * Makes the cut of a key.
 * @throws ReplicaError ERR_REGISTRY if there are more than `cutHeadsMax` heads
 */
export function makeCut(peer: Pick<Peer, 'id' | 'publicKey'>, { heads, at }: CutDraft): Cut {
  if (heads.length > REGISTRY_LIMITS.cutHeadsMax) {
    throw new ReplicaError('ERR_REGISTRY', `the frontier has ${heads.length} heads; merge them, then remove the peer`)
  }
  return { id: peer.id, publicKey: peer.publicKey, heads: heads.map(toHex).sort(), at }
}

/** Returns the change that writes a peer. */
export function writePeer(frontier: string, peer: Peer): RecordChange {
  const { id, url, addedAt, note, live, nodesPerMinute } = peer
  const quota = nodesPerMinute === undefined ? {} : { nodes_per_minute: nodesPerMinute }
  return {
    key: recordKey(frontier, 'peer', peer.publicKey),
    value: encodeCbor({ id, url, added_at: addedAt, note: note ?? null, live: live ?? 'off', ...quota }),
  }
}

/** Returns the change that writes a cut. */
export function writeCut(frontier: string, cut: Cut): RecordChange {
  const heads = concat(cut.heads.map(head => fromHex(head)!))
  return { key: recordKey(frontier, 'cut', cut.publicKey), value: encodeCbor({ id: cut.id, heads, at: cut.at }) }
}

/** Returns the change that deletes an entry. */
export function removeEntry(frontier: string, kind: Kind, publicKey: string): RecordChange {
  return { key: recordKey(frontier, kind, publicKey), value: undefined }
}

/**
 * Reads all entries of a frontier.
 * @throws ReplicaError ERR_STORE_CORRUPT
 */
export async function loadEntries(records: Records, frontier: string): Promise<{ peers: Peer[]; cuts: Cut[] }> {
  return {
    peers: await loadAll(records, recordKey(frontier, 'peer', ''), readPeer),
    cuts: await loadAll(records, recordKey(frontier, 'cut', ''), readCut),
  }
}

async function loadAll<T>(
  records: Records,
  prefix: string,
  read: (publicKey: string, fields: { [name: string]: CborValue }) => T | undefined,
): Promise<T[]> {
  const all: T[] = []
  let after: string | undefined
  for (;;) {
    const page = await records.list(prefix, after === undefined ? { limit: PAGE } : { after, limit: PAGE })
    for (const { key, value } of page) all.push(readRecord(key, value, { prefix, read }))
    if (page.length < PAGE) return all
    after = page.at(-1)!.key
  }
}

function readRecord<T>(
  key: string,
  value: Uint8Array,
  {
    prefix,
    read,
  }: { prefix: string; read: (publicKey: string, fields: { [name: string]: CborValue }) => T | undefined },
): T {
  const publicKey = key.slice(prefix.length)
  const fields = fieldsOf(value)
  const entry = /^[0-9a-f]{64}$/.test(publicKey) && fields !== undefined ? read(publicKey, fields) : undefined
  if (entry === undefined)
    throw new ReplicaError('ERR_STORE_CORRUPT', `the record ${key} is not an entry of a registry`)
  return entry
}

function fieldsOf(value: Uint8Array): { [name: string]: CborValue } | undefined {
  try {
    const fields = decodeCbor(value)
    const isMap = typeof fields === 'object' && fields !== null && !Array.isArray(fields)
    return isMap && !(fields instanceof Uint8Array) ? fields : undefined
  } catch (error) {
    if (hasCode(error, 'ERR_CBOR')) return undefined
    throw error
  }
}

/** Records from before live links exist have no `live` member: off. A quota is optional. */
function readPeer(publicKey: string, fields: { [name: string]: CborValue }): Peer | undefined {
  const { id, url, added_at: addedAt, note, live = 'off', nodes_per_minute: quota } = fields
  if (typeof id !== 'string' || typeof url !== 'string' || typeof addedAt !== 'string') return undefined
  if (note !== null && typeof note !== 'string') return undefined
  if (typeof live !== 'string' || !isLiveSetting(live)) return undefined
  if (quota !== undefined && !isQuota(quota)) return undefined
  const peer = { id, url, publicKey, addedAt, ...(note !== null && { note }), ...(live !== 'off' && { live }) }
  return quota === undefined ? peer : { ...peer, nodesPerMinute: quota }
}

function readCut(publicKey: string, { id, heads, at }: { [name: string]: CborValue }): Cut | undefined {
  if (typeof id !== 'string' || typeof at !== 'string') return undefined
  if (!(heads instanceof Uint8Array) || heads.length % 32 !== 0) return undefined
  return { id, publicKey, heads: splitDigests(heads).map(toHex), at }
}

function recordKey(frontier: string, kind: Kind, publicKey: string): string {
  return `registry/${frontier}/${kind}/${publicKey}`
}
