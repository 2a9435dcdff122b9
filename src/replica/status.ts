// Builds the status report: the state of the store, of each frontier, and of each registered peer.
// Spec: protocol/live.md, L11 to L13.

import type { LiveSetting } from '../admission/peer.ts'
import type { Peer } from '../admission/registry.ts'
import { toHex } from '../base/bytes.ts'
import { cidText } from '../cbor/cid.ts'
import type { SharingStatus, Store, Wait } from '../store/store.ts'
import type { ReplicaContext } from './replica-context.ts'
import { isEqual } from './sync/peer-sync-state.ts'
import type { LinkPhase, PeerSyncHandle } from './sync/peer-sync-tracker.ts'
import { type TextStatus, textStatus } from './sync/text-status.ts'

/**
 * The first in this order that is true: the peer can't be reached now, no exchange was reported
 * yet, the heads are equal, …
 */
export type PeerState = 'unreachable' | 'unknown' | 'in sync' | 'held' | 'forked' | 'behind' | 'ahead'

/** State of a registered peer for one frontier, as of the last exchange. */
export interface PeerStatus {
  readonly id: string
  readonly url: string
  readonly live: LiveSetting
  readonly state: PeerState
  /** Phase of a link to the peer or from it; null if there is none. */
  readonly link: LinkPhase | null
  /** Nodes that only the peer has. */
  readonly behind: number
  /** Nodes that only this replica has. */
  readonly ahead: number
  /** Keys for which nodes are held here or at the peer, 64 hex digits each. */
  readonly heldKeys: readonly string[]
  /** Time of the last exchange, RFC 3339; null if there was none. */
  readonly lastExchange: string | null
  /** RFC 3339; null if the peer can be reached. */
  readonly unreachableSince: string | null
  readonly failure: { readonly code: string; readonly message: string } | null
  /** Number of nodes by which the logs differ. */
  readonly lagEvents: number
  /** Seconds since they differ; 0 if they are equal, null if unknown. */
  readonly lagSeconds: number | null
}

/** `heldKeys`: keys for which this replica holds nodes now. */
export function peerStatus(
  { id, url, live }: Peer,
  known: PeerSyncHandle,
  { heldKeys, now }: { heldKeys: readonly string[]; now: string },
): PeerStatus {
  const { syncState } = known
  const log = known.log()
  const equal = isEqual(syncState, log)
  const isExchanged = syncState.exchangedAt !== ''
  const heldHere = syncState.heldHere > 0 ? heldKeys : []
  const common = Math.min(syncState.common, log.count)
  const behind = equal ? 0 : syncState.theirs.count - common
  // Logs with different heads differ by at least one node, even if the common count is inexact.
  const ahead = equal || !isExchanged ? 0 : Math.max(log.count - common, behind === 0 ? 1 : 0)
  // A peer with an open session to this hub is reachable, even if dialing it fails.
  const isFailing = syncState.failedAt !== '' && known.inbound.size === 0
  const since = syncState.differsAt || syncState.exchangedAt
  return {
    id,
    url,
    live: live ?? 'off',
    state: isFailing ? 'unreachable' : wordFor(known, { equal, heldHere: heldHere.length > 0, behind }),
    link: known.phase ?? null,
    behind,
    ahead,
    heldKeys: equal ? [] : [...new Set([...heldHere, ...syncState.heldThereKeys])],
    lastExchange: syncState.exchangedAt || null,
    unreachableSince: isFailing ? syncState.failedAt : null,
    failure: isFailing ? { code: syncState.failureCode, message: syncState.failure } : null,
    lagEvents: behind + ahead,
    lagSeconds: lagOf({ equal: equal && isExchanged, since, now }),
  }
}

function wordFor(
  { syncState }: PeerSyncHandle,
  { equal, heldHere, behind }: { equal: boolean; heldHere: boolean; behind: number },
): PeerState {
  if (syncState.exchangedAt === '') return 'unknown'
  if (equal) return 'in sync'
  if (heldHere || syncState.heldThere > 0) return 'held'
  if (syncState.refusedHere > 0 || syncState.refusedThere > 0) return 'forked'
  return behind > 0 ? 'behind' : 'ahead'
}

function lagOf({ equal, since, now }: { equal: boolean; since: string; now: string }): number | null {
  if (equal) return 0
  if (since === '') return null
  return Math.max(0, Math.round((Date.parse(now) - Date.parse(since)) / 1000))
}

const WAITS_LISTED_MAX = 100

/** A reason why nodes are held: a key as 64 hex digits; a parent, cut head or document as CID. */
export interface HeldBy {
  readonly kind: Wait['kind']
  readonly id: string
  readonly nodes: number
}

/** State of one frontier. */
export interface FrontierStatus {
  readonly frontier: string
  readonly nodes: number
  readonly events: number
  readonly heads: number
  readonly headsDigest: string
  /** Held nodes, and their size in bytes. */
  readonly held: number
  readonly heldBytes: number
  /** Reasons why they are held, most nodes first; at most 100. */
  readonly heldBy: readonly HeldBy[]
  /** How many texts are in each state; absent if all are here and all are kept. */
  readonly texts?: TextStatus
  readonly peers: number
  readonly registryDigest: string
  /** State of each registered peer. */
  readonly links: readonly PeerStatus[]
}

/** Returns whether the store of a replica accepts writes, and why not. */
export function storeStatus({ health }: Store): Pick<StatusReport, 'writable' | 'refusal'> {
  const error = health?.refusal?.error
  if (error === undefined) return { writable: true, refusal: null }
  const { code, message, facts } = error
  return { writable: false, refusal: { code, message, hint: typeof facts.hint === 'string' ? facts.hint : null } }
}

/** State of a replica. */
export interface StatusReport {
  readonly hubId: string
  readonly publicKey: string
  readonly diskBytes: number
  /** Whether the store accepts writes. */
  readonly writable: boolean
  /** The database of a shared store. */
  readonly sharing?: SharingStatus
  /** The reason if it does not; null if it does. */
  readonly refusal: { readonly code: string; readonly message: string; readonly hint: string | null } | null
  readonly frontiers: readonly FrontierStatus[]
}

export async function frontierStatus(context: ReplicaContext, name: string): Promise<FrontierStatus> {
  const frontier = context.frontier(name)
  const { log, registry, held } = frontier
  const { nodes, bytes } = held.usage(name)
  const texts = textStatus(frontier)
  const hasAll = texts.here === log.nodes && texts.keeps === 'all'
  const waits = await held.listWaits(name, WAITS_LISTED_MAX)
  const peers = registry.list()
  const heldKeys = waits.filter(({ wait }) => wait.kind === 'key').map(({ wait }) => toHex(wait.id))
  const now = context.now()
  const peerSync = await Promise.all(peers.map(peer => context.peerSync.of(frontier, peer.publicKey)))
  return {
    frontier: name,
    nodes: log.nodes,
    events: log.events,
    heads: log.headCount,
    headsDigest: toHex(log.headsDigest()),
    held: nodes,
    heldBytes: bytes,
    ...(!hasAll && { texts }),
    heldBy: waits.map(({ wait, nodes: count }) => ({ kind: wait.kind, id: idOf(wait), nodes: count })),
    peers: peers.length,
    registryDigest: toHex(registry.digest()),
    links: peers.map((peer, i) => peerStatus(peer, peerSync[i]!, { heldKeys, now })),
  }
}

function idOf({ kind, id }: Wait): string {
  return kind === 'key' ? toHex(id) : cidText(id, kind === 'document' ? 'raw' : 'dag-cbor')
}
