// State machine that finds a peer's frontier through a hub's registry, without a network: each step
// returns the next request or the result. There are exactly five results. The frontier's owner and
// the hub have different keys; only the owner's key is checked here, because the hub only stores
// the entry. Spec: protocol/registry-entry.md, E26–E28.

import { hasCode } from '../../base/errors.ts'
import { checkFrontierId } from '../../base/frontier-id.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import type { Verify } from '../../event/signing.ts'
import { hashFault, judgeContent } from '../files/received-file.ts'
import type { FetchPolicy } from './fetch-policy.ts'
import { type FetchOutcome, type FetchRequest, newHttpGet, onResponse, type Pending } from './http-exchange.ts'
import { type RegistryEntry, readEntry, verifyEntry } from './registry-entry.ts'

/** Parameters of a discovery. */
export interface Discovery {
  /** Base URL of the hub, as `https://hub.example`. */
  readonly hub: string
  /** `vfr_…` */
  readonly frontier: string
  /** The expected owner's key, 64 lower-case hex digits; undefined accepts any owner. */
  readonly ownerKey: string | undefined
  readonly verify: Verify
  /**
   * Returns every accepted snapshot hash of the content: one for each reading and reader version.
   */
  readonly snapshotHashes: (content: Uint8Array) => readonly string[]
  /** Returns every accepted log hash of the content. */
  readonly eventLogHashes: (content: Uint8Array) => readonly string[]
  readonly policy: FetchPolicy
}

/**
 * The five results of a discovery. `status` of a broken locator is 0 if there was no HTTP status.
 */
export type DiscoveryResult =
  | { readonly kind: 'Resolved'; readonly entry: RegistryEntry; readonly content: Uint8Array }
  | { readonly kind: 'Unreachable'; readonly url: string; readonly error: string }
  | { readonly kind: 'EntryNotFound'; readonly vfr_id: string; readonly status: 404 }
  | { readonly kind: 'UnverifiedEntry'; readonly vfr_id: string; readonly reason: string }
  | { readonly kind: 'BrokenLocator'; readonly vfr_id: string; readonly locator: string; readonly status: number }

/** A discovery that waits for the outcome of `pending`. */
export interface DiscoveryState {
  readonly discovery: Discovery
  readonly pending: Pending
  /** The verified entry; undefined while it is being fetched. */
  readonly entry: RegistryEntry | undefined
}

/** The next request with the state to continue from, or the result. */
export type DiscoveryStep =
  | { readonly fetch: FetchRequest; readonly state: DiscoveryState }
  | { readonly result: DiscoveryResult }

/** Returns the first step of a discovery. @throws ReplicaError ERR_FRONTIER_ID */
export function startDiscovery(discovery: Discovery): DiscoveryStep {
  checkFrontierId(discovery.frontier)
  const url = entryUrl(discovery)
  const pending = newHttpGet({ url, bytesMax: FETCH_LIMITS.entryBytesMax }, discovery.policy)
  if ('error' in pending) return ended({ kind: 'Unreachable', url, error: pending.error })
  return waiting({ discovery, pending, entry: undefined })
}

/** Returns the step that follows the outcome of the pending request. */
export function continueDiscovery(state: DiscoveryState, outcome: FetchOutcome): DiscoveryStep {
  const arrival = onResponse(state.pending, outcome)
  if (arrival.kind === 'again') return waiting({ ...state, pending: arrival.pending })
  const { discovery, entry } = state
  const vfr_id = discovery.frontier
  if (entry !== undefined) {
    const locator = entry.network_locator
    if (arrival.kind === 'body') return ended(judgeResolved(discovery, entry, arrival.body))
    return ended({ kind: 'BrokenLocator', vfr_id, locator, status: arrival.kind === 'status' ? arrival.status : 0 })
  }
  if (arrival.kind === 'body') return entryArrived(discovery, arrival.body)
  if (arrival.kind === 'status' && arrival.status === 404) return ended({ kind: 'EntryNotFound', vfr_id, status: 404 })
  const error = arrival.kind === 'status' ? `hub returned HTTP ${arrival.status}` : arrival.error
  return ended({ kind: 'Unreachable', url: entryUrl(discovery), error })
}

function entryUrl({ hub, frontier }: Discovery): string {
  return `${hub.replace(/\/+$/, '')}/entries/${frontier}`
}

function waiting(state: DiscoveryState): DiscoveryStep {
  const { url, bytesMax } = state.pending
  return { fetch: { url, bytesMax }, state }
}

function ended(result: DiscoveryResult): DiscoveryStep {
  return { result }
}

function entryArrived(discovery: Discovery, body: Uint8Array): DiscoveryStep {
  const { frontier: vfr_id, policy } = discovery
  const unverified = (reason: string) => ended({ kind: 'UnverifiedEntry', vfr_id, reason })
  let entry: RegistryEntry
  try {
    entry = readEntry(body)
  } catch (error) {
    if (!hasCode(error)) throw error
    return unverified(`parse registry entry: ${error.message}`)
  }
  const reason = entryFault(discovery, entry)
  if (reason !== undefined) return unverified(reason)
  const locator = entry.network_locator
  const pending = newHttpGet({ url: locator, bytesMax: FETCH_LIMITS.frontierBytesMax }, policy)
  if ('error' in pending) return ended({ kind: 'BrokenLocator', vfr_id, locator, status: 0 })
  return waiting({ discovery, pending, entry })
}

/**
 * Returns why the entry is not valid, or undefined. Recorded events contain the texts, so their ids
 * depend on them.
 */
function entryFault({ verify, frontier, ownerKey }: Discovery, entry: RegistryEntry): string | undefined {
  const { vfr_id, owner_pubkey } = entry
  if (!verifyEntry(entry, verify)) return 'registry entry signature does not verify against entry.owner_pubkey'
  if (vfr_id !== frontier) return `entry vfr_id ${vfr_id} != requested ${frontier}`
  if (ownerKey !== undefined && owner_pubkey !== ownerKey)
    return `entry owner_pubkey ${owner_pubkey.slice(0, 16)} != expected peer pubkey ${ownerKey.slice(0, 16)}`
  return undefined
}

function judgeResolved(discovery: Discovery, entry: RegistryEntry, content: Uint8Array): DiscoveryResult {
  const { frontier: vfr_id } = discovery
  const verdict = judgeContent(content, vfr_id)
  if (verdict !== 'good' && verdict.kind === 'untrue')
    return { kind: 'UnverifiedEntry', vfr_id, reason: verdict.reason }
  const broken = { kind: 'BrokenLocator', vfr_id, locator: entry.network_locator, status: 0 } as const
  if (verdict !== 'good') return broken
  let reason: string | undefined
  try {
    const [snapshots, logs] = [discovery.snapshotHashes(content), discovery.eventLogHashes(content)]
    reason = hashFault(entry, { snapshots, logs })
  } catch (error) {
    // Content without a hash is not a frontier.
    if (!hasCode(error)) throw error
    return broken
  }
  return reason === undefined ? { kind: 'Resolved', entry, content } : { kind: 'UnverifiedEntry', vfr_id, reason }
}
