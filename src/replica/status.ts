// What `status` says of a peer: one word for how it stands, the counts behind the word, and what the link to it is doing.
// Specification: protocol/live.md, L11 to L13.

import type { LiveSetting } from '../admission/peer.ts'
import type { Peer } from '../admission/registry.ts'
import { isEqual } from './sync/peer-sync-state.ts'
import type { LinkPhase, PeerSyncHandle } from './sync/peer-sync-tracker.ts'

/** In this order the first that is true: the peer fails now, no exchange was ever reported, the heads are the same, … */
export type PeerState = 'unreachable' | 'unknown' | 'in sync' | 'held' | 'forked' | 'behind' | 'ahead'

export interface PeerStatus {
  readonly id: string
  readonly url: string
  readonly live: LiveSetting
  readonly state: PeerState
  /** What a hub's link, or the peer's own to this hub, is doing; null where there is none. */
  readonly link: LinkPhase | null
  /** Nodes that the peer has and this replica lacks, as far as the last exchange told. */
  readonly behind: number
  /** Nodes that the peer lacks. */
  readonly ahead: number
  /** Keys that nodes are held for, here or there, 64 hex digits each. */
  readonly held_keys: readonly string[]
  /** RFC 3339; null when never, or not now. */
  readonly last_exchange: string | null
  readonly unreachable_since: string | null
  readonly failure: { readonly code: string; readonly message: string } | null
  /** Nodes by which the two logs differ. */
  readonly lag_events: number
  /** Since when they differ; 0 while they don't, null when it isn't known. */
  readonly lag_seconds: number | null
}

/** `heldKeys`: keys for which nodes are held here now. */
export function peerStatus(
  { id, url, live }: Peer,
  known: PeerSyncHandle,
  { heldKeys, now }: { heldKeys: readonly string[]; now: string },
): PeerStatus {
  const { standing } = known
  const log = known.log()
  const equal = isEqual(standing, log)
  const isExchanged = standing.exchangedAt !== ''
  const heldHere = standing.heldHere > 0 ? heldKeys : []
  const common = Math.min(standing.common, log.count)
  const behind = equal ? 0 : standing.theirs.count - common
  // Two logs with other heads differ by a node at least, also where the count of what they share is a little off.
  const ahead = equal || !isExchanged ? 0 : Math.max(log.count - common, behind === 0 ? 1 : 0)
  // A peer that is here by itself is not unreachable, whatever became of dialling it.
  const isFailing = standing.failedAt !== '' && known.guests.size === 0
  const since = standing.differsAt || standing.exchangedAt
  return {
    id,
    url,
    live: live ?? 'off',
    state: isFailing ? 'unreachable' : wordFor(known, { equal, heldHere: heldHere.length > 0, behind }),
    link: known.phase ?? null,
    behind,
    ahead,
    held_keys: equal ? [] : [...new Set([...heldHere, ...standing.heldThereKeys])],
    last_exchange: standing.exchangedAt || null,
    unreachable_since: isFailing ? standing.failedAt : null,
    failure: isFailing ? { code: standing.failureCode, message: standing.failure } : null,
    lag_events: behind + ahead,
    lag_seconds: lagOf({ equal: equal && isExchanged, since, now }),
  }
}

function wordFor(
  { standing }: PeerSyncHandle,
  { equal, heldHere, behind }: { equal: boolean; heldHere: boolean; behind: number },
): PeerState {
  if (standing.exchangedAt === '') return 'unknown'
  if (equal) return 'in sync'
  if (heldHere || standing.heldThere > 0) return 'held'
  if (standing.refusedHere > 0 || standing.refusedThere > 0) return 'forked'
  return behind > 0 ? 'behind' : 'ahead'
}

function lagOf({ equal, since, now }: { equal: boolean; since: string; now: string }): number | null {
  if (equal) return 0
  if (since === '') return null
  return Math.max(0, Math.round((Date.parse(now) - Date.parse(since)) / 1000))
}
