// What a pass over a peer observed, as events (protocol/federation.md, C6–C11): one that it took place, one for each conflict. They
// are the reference's byte for byte, of a pseudo-actor and unsigned, and belong into the journal: they are never sent to peers.
// No clock and no network: times and what was fetched come in.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { checkFrontierId } from '../../base/frontier-id.ts'
import { isBlank } from '../../base/text.ts'
import type { LoggedEvent } from '../../event/event.ts'
import { makeEvent } from '../../event/event.ts'
import { readInstant } from '../../json/instant.ts'
import { type FrontierFile, readFrontier } from '../files/frontier-file.ts'
import { snapshotHash } from '../hashes/snapshot-hash.ts'
import { CONFLICT_DETECTED, checkFrontierPayload, payloadOf } from '../payloads.ts'
import { type Conflict, diffFrontiers } from './diff.ts'
import type { DiscoveryResult } from './discovery.ts'

export const SYNCED_WITH_PEER = 'frontier.synced_with_peer'

/** The reference's JSON; `conflicts` are all that were found, `events_appended` counts the events that record them. */
export interface ComparisonReport {
  readonly peer_id: string
  readonly our_snapshot_hash: string
  readonly peer_snapshot_hash: string
  readonly conflicts: readonly Conflict[]
  readonly events_appended: number
}

/** With whom and when, and what need not be said again. */
export interface ComparisonRun {
  readonly peer: string
  /** RFC 3339; the reference writes UTC as `+00:00`. The timestamp of all events of the pass. */
  readonly at: string
  /** Our own frontier's name, where it is not the one that its file gives. */
  readonly frontier?: string
  /** Events recorded before: a conflict that one of them records for this peer is not recorded again. None when absent. */
  readonly recorded?: Iterable<LoggedEvent>
}

export interface ComparisonEvents {
  readonly report: ComparisonReport
  /** In stored form, in the order in which they are to be appended. */
  readonly events: readonly LoggedEvent[]
}

type Ours = Pick<FrontierFile, 'id' | 'members' | 'findings'>

/** Our frontier where nothing is compared: whole, or its name and the hash that was made of it already. */
export type OurState = Pick<FrontierFile, 'id' | 'members'> | { readonly id: string; readonly snapshot_hash: string }

/** Compares, and records what differs. Neither frontier changes. @throws ReplicaError ERR_PEER_ID, ERR_INSTANT, ERR_FRONTIER_ID */
export function syncWithPeer(
  ours: Ours,
  theirs: Pick<FrontierFile, 'members' | 'findings'>,
  pass: ComparisonRun,
): ComparisonEvents {
  return recordSync(
    {
      our_snapshot_hash: snapshotHash(ours),
      peer_snapshot_hash: snapshotHash(theirs),
      conflicts: diffFrontiers(ours, theirs),
    },
    { ...pass, frontier: pass.frontier ?? ours.id },
  )
}

/** What was compared elsewhere, recorded: hashes and conflicts are taken as given. @throws as syncWithPeer does */
export function recordSync(
  found: Pick<ComparisonReport, 'our_snapshot_hash' | 'peer_snapshot_hash' | 'conflicts'>,
  pass: ComparisonRun & { readonly frontier: string },
): ComparisonEvents {
  return comparisonEvents(found, { ...pass, outcome: '' })
}

export interface LocatorFailure {
  /** The frontier that was asked for. */
  readonly vfr_id: string
  readonly locator: string
  /** Of HTTP; 0 when there was none. */
  readonly status: number
}

/** The entry was good, and where it pointed there was no frontier. @throws as syncWithPeer does */
export function recordLocatorFailure(ours: OurState, failure: LocatorFailure, pass: ComparisonRun): ComparisonEvents {
  const { vfr_id, locator, status } = failure
  if (!Number.isInteger(status) || status < 0 || status > 0xffff) throw new TypeError(`${status} is not an HTTP status`)
  const detail = `locator ${locator} returned HTTP ${status}`
  return failureEvents(
    ours,
    { finding_id: vfr_id, kind: 'broken_locator', detail },
    { ...pass, outcome: ' (broken locator)' },
  )
}

/** The entry is not to be believed, for this reason; nothing was compared. @throws as syncWithPeer does */
export function recordUnverifiedEntry(
  ours: OurState,
  entry: { readonly vfr_id: string; readonly reason: string },
  pass: ComparisonRun,
): ComparisonEvents {
  const conflict = { finding_id: entry.vfr_id, kind: 'unverified_peer_entry', detail: entry.reason } as const
  return failureEvents(ours, conflict, { ...pass, outcome: ' (unverified entry; halted)' })
}

/**
 * What a discovery comes to: a comparison, a failure recorded, or, where the hub wasn't reached or has no such entry,
 * nothing at all (undefined).
 * @throws as syncWithPeer and readFrontier do
 */
export function recordDiscovery(
  ours: Ours,
  result: DiscoveryResult,
  pass: ComparisonRun,
): ComparisonEvents | undefined {
  switch (result.kind) {
    case 'Resolved':
      return syncWithPeer(ours, readFrontier(result.content), pass)
    case 'BrokenLocator':
      return recordLocatorFailure(ours, result, pass)
    case 'UnverifiedEntry':
      return recordUnverifiedEntry(ours, result, pass)
    case 'EntryNotFound':
    case 'Unreachable':
      return undefined
  }
}

/** Those of the conflicts that no event here records for this peer: same finding, same kind, same detail. */
export function unrecordedConflicts(
  conflicts: readonly Conflict[],
  before: { readonly peer: string; readonly recorded: Iterable<LoggedEvent> },
): Conflict[] {
  const known = new Set<string>()
  for (const event of before.recorded) {
    const conflict = recordedConflict(event, before.peer)
    if (conflict !== undefined) known.add(conflictKey(conflict))
  }
  return conflicts.filter(conflict => !known.has(conflictKey(conflict)))
}

function recordedConflict({ text, head }: LoggedEvent, peer: string): RecordedConflict | undefined {
  if (head.kind !== CONFLICT_DETECTED) return undefined
  const payload = payloadOf(text)
  try {
    checkFrontierPayload(head.kind, payload)
  } catch (error) {
    if (!hasCode(error, 'ERR_EVENT_SHAPE')) throw error
    return undefined
  }
  if (!(payload instanceof Map) || payload.get('peer_id') !== peer) return undefined
  const [finding_id, kind, detail] = ['finding_id', 'kind', 'detail'].map(name => payload.get(name))
  return { finding_id, kind, detail: detail ?? '' } as RecordedConflict
}

type RecordedConflict = { finding_id: string; kind: string; detail: unknown }

function conflictKey({ finding_id, kind, detail }: RecordedConflict): string {
  return JSON.stringify([finding_id, kind, typeof detail === 'string' ? detail : null])
}

interface ObservedRun extends ComparisonRun {
  readonly frontier: string
  /** What the reason of the first event ends with. */
  readonly outcome: string
}

function failureEvents(
  ours: OurState,
  conflict: Conflict,
  pass: ComparisonRun & { outcome: string },
): ComparisonEvents {
  const our_snapshot_hash = 'snapshot_hash' in ours ? ours.snapshot_hash : snapshotHash(ours)
  const found = { our_snapshot_hash, peer_snapshot_hash: '', conflicts: [conflict] }
  return comparisonEvents(found, { ...pass, frontier: pass.frontier ?? ours.id })
}

function comparisonEvents(
  found: Pick<ComparisonReport, 'our_snapshot_hash' | 'peer_snapshot_hash' | 'conflicts'>,
  { peer, at, frontier, recorded = [], outcome }: ObservedRun,
): ComparisonEvents {
  checkFrontierId(frontier)
  if (isBlank(peer)) throw new ReplicaError('ERR_PEER_ID', 'the peer’s id is blank')
  if (readInstant(at) === undefined) throw new ReplicaError('ERR_INSTANT', 'the time of the pass is not RFC 3339')
  const { conflicts, ...hashes } = found
  const event = (kind: string, reason: string, payload: unknown): LoggedEvent =>
    makeEvent({
      kind,
      target: { type: 'frontier_observation', id: frontier },
      actor: { id: 'federation', type: 'system' },
      timestamp: at,
      reason,
      payload,
    })
  const synced = { peer_id: peer, ...hashes, divergence_count: conflicts.length }
  const events = [
    event(SYNCED_WITH_PEER, `synced with peer ${peer}${outcome}`, synced),
    ...unrecordedConflicts(conflicts, { peer, recorded }).map(conflict =>
      event(CONFLICT_DETECTED, `peer=${peer} kind=${conflict.kind} ${conflict.detail}`, { peer_id: peer, ...conflict }),
    ),
  ]
  return { report: { peer_id: peer, ...found, events_appended: events.length }, events }
}
