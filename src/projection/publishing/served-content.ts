// Reads what a hub serves of a frontier, and whether the hub is one of this project. A publication
// is decided on these facts before it is sent, and checked against them afterwards.
// Spec: protocol/registry-entry.md, E32, E33 and E35.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import { parseJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { readManifest } from '../../vela/federation/hub-manifest.ts'
import { type RegistryEntry, readEntry } from '../../vela/federation/registry-entry.ts'
import { hashFault } from '../../vela/files/received-file.ts'
import { contentHashes } from '../../vela/hashes/snapshot-hash.ts'
import { type FetchOptions, getFrom } from '../fetch-frontier.ts'

/** Bytes read of a hub's manifest. */
const MANIFEST_BYTES_MAX = FETCH_LIMITS.entryBytesMax

/** The answer of a hub that is asked for the entry of a frontier. */
export type ServedEntryReading =
  | { readonly kind: 'entry'; readonly entry: RegistryEntry }
  /** No entry; 404 for a frontier that the hub never served. */
  | { readonly kind: 'none'; readonly status: number }
  /** A body that is not a signed entry; `byGit` if its content is in a git repository. */
  | { readonly kind: 'unreadable'; readonly reason: string; readonly byGit: boolean }

/**
 * Returns whether the hub is one of this project: its manifest names a WebSocket for `sync`. A hub
 * without a manifest is not.
 * @throws ReplicaError ERR_FETCH if the hub does not respond, ERR_ABORTED, ERR_PEER_URL
 */
export async function isReplicaHub(url: string, options: FetchOptions): Promise<boolean> {
  const outcome = await getFrom(`${url}/.well-known/vela`, MANIFEST_BYTES_MAX, options)
  if ('error' in outcome) throw notReached(url, outcome.error)
  if (outcome.status !== 200) return false
  try {
    const endpoints = readManifest(outcome.body).manifest.get('endpoints')
    const sync = endpoints instanceof Map ? endpoints.get('sync') : undefined
    return typeof sync === 'string' && /^wss?:\/\//.test(sync)
  } catch (error) {
    if (!hasCode(error, 'ERR_JSON', 'ERR_ENTRY')) throw error
    return false
  }
}

/**
 * Returns the entry that the hub serves.
 * @throws ReplicaError ERR_FETCH if the hub does not respond, ERR_ABORTED, ERR_PEER_URL
 */
export async function readServedEntry(
  url: string,
  frontier: string,
  options: FetchOptions,
): Promise<ServedEntryReading> {
  const outcome = await getFrom(`${url}/entries/${frontier}`, FETCH_LIMITS.entryBytesMax, options)
  if ('error' in outcome) throw notReached(url, outcome.error)
  const { status, body } = outcome
  if (status !== 200) return { kind: 'none', status }
  try {
    return { kind: 'entry', entry: readEntry(body) }
  } catch (error) {
    if (!hasCode(error, 'ERR_JSON', 'ERR_ENTRY', 'ERR_INSTANT', 'ERR_FRONTIER_ID')) throw error
    return { kind: 'unreadable', reason: error.message, byGit: /^git\+/.test(textMember(body, 'network_locator')) }
  }
}

/**
 * Returns whether the hub has a deprecation of the frontier; false if it does not say so.
 * @throws ReplicaError as readServedEntry
 */
export async function isDeprecatedAt(url: string, frontier: string, options: FetchOptions): Promise<boolean> {
  const outcome = await getFrom(`${url}/entries/${frontier}/status`, FETCH_LIMITS.entryBytesMax, options)
  if ('error' in outcome) throw notReached(url, outcome.error)
  return outcome.status === 200 && answerMembers(outcome.body).get('deprecation') instanceof Map
}

/**
 * Returns how the snapshot that the hub serves contradicts the entry, or undefined if it has the
 * entry's hashes.
 * @throws ReplicaError ERR_ABORTED, ERR_PEER_URL
 */
export async function snapshotFault(
  url: string,
  entry: RegistryEntry,
  options: FetchOptions,
): Promise<string | undefined> {
  const outcome = await getFrom(`${url}/entries/${entry.vfr_id}/snapshot`, FETCH_LIMITS.frontierBytesMax, options)
  if ('error' in outcome) return `the snapshot cannot be read: ${outcome.error}`
  if (outcome.status !== 200) return `the snapshot is not served: HTTP ${outcome.status}`
  try {
    return hashFault(entry, contentHashes(outcome.body))
  } catch (error) {
    if (!hasCode(error)) throw error
    return `the snapshot cannot be read: ${error.message}`
  }
}

/** Returns the members of a body that is a JSON object, else none. */
export function answerMembers(body: Uint8Array): ReadonlyMap<string, Json> {
  try {
    const value = parseJson(body)
    return value instanceof Map ? value : new Map()
  } catch (error) {
    if (!hasCode(error, 'ERR_JSON')) throw error
    return new Map()
  }
}

function textMember(body: Uint8Array, name: string): string {
  const value = answerMembers(body).get(name)
  return typeof value === 'string' ? value : ''
}

function notReached(url: string, reason: string): ReplicaError {
  return new ReplicaError('ERR_FETCH', `${url}: ${reason}`, { facts: { url, status: 0 } })
}
