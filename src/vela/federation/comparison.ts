// Comparison with a peer, recorded as events: one event for the comparison and one for each
// conflict. The events equal the reference's byte for byte, have a pseudo-actor and no signature,
// and belong into the local journal: they are never sent to peers. No clock and no network: the
// caller passes times and fetched content. Spec: protocol/federation.md, C6–C11.

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

const SYNCED_WITH_PEER = 'frontier.synced_with_peer'

/**
 * The result of a comparison, in the reference's JSON. `conflicts` are all that were found;
 * `events_appended` counts the new events.
 */
export interface ComparisonReport {
  readonly peer_id: string
  readonly our_snapshot_hash: string
  readonly peer_snapshot_hash: string
  readonly conflicts: readonly Conflict[]
  readonly events_appended: number
}

/** The peer and the time of a comparison, and the events already recorded. */
export interface ComparisonRun {
  readonly peer: string
  /**
   * RFC 3339; the reference writes UTC as `+00:00`. The timestamp of all events of the comparison.
   */
  readonly at: string
  /** Our frontier's id, if it differs from the one in its file. */
  readonly frontier?: string
  /**
   * Earlier events: a conflict that one of them records for this peer is not recorded again.
   * Default: none.
   */
  readonly recorded?: Iterable<LoggedEvent>
}

/** A report and the events that record it. */
export interface ComparisonEvents {
  readonly report: ComparisonReport
  /** In stored form, in append order. */
  readonly events: readonly LoggedEvent[]
}

type Ours = Pick<FrontierFile, 'id' | 'members' | 'findings'>

/** Our frontier when nothing is compared: the frontier itself, or its id and snapshot hash. */
export type OurState = Pick<FrontierFile, 'id' | 'members'> | { readonly id: string; readonly snapshot_hash: string }

/**
 * Compares two frontiers and returns the events that record the differences. Neither frontier
 * changes.
 * @throws ReplicaError ERR_PEER_ID (blank), ERR_INSTANT, ERR_FRONTIER_ID
 */
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

/**
 * Returns the events for a comparison made elsewhere; hashes and conflicts are used as given.
 * @throws ReplicaError ERR_PEER_ID, ERR_INSTANT, ERR_FRONTIER_ID
 */
export function recordSync(
  found: Pick<ComparisonReport, 'our_snapshot_hash' | 'peer_snapshot_hash' | 'conflicts'>,
  pass: ComparisonRun & { readonly frontier: string },
): ComparisonEvents {
  return comparisonEvents(found, { ...pass, outcome: '' })
}

/** A registry entry whose locator returned no frontier. */
export interface LocatorFailure {
  /** The requested frontier. */
  readonly vfr_id: string
  readonly locator: string
  /** HTTP status, 0 to 65535; 0 if there was none. */
  readonly status: number
}

/**
 * Returns the events for a valid entry whose locator returned no frontier.
 * @throws ReplicaError ERR_PEER_ID, ERR_INSTANT, ERR_FRONTIER_ID; TypeError for a status out of
 *   range
 */
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

/**
 * Returns the events for an entry that failed verification; nothing was compared.
 * @throws ReplicaError ERR_PEER_ID, ERR_INSTANT, ERR_FRONTIER_ID
 */
export function recordUnverifiedEntry(
  ours: OurState,
  entry: { readonly vfr_id: string; readonly reason: string },
  pass: ComparisonRun,
): ComparisonEvents {
  const conflict = { finding_id: entry.vfr_id, kind: 'unverified_peer_entry', detail: entry.reason } as const
  return failureEvents(ours, conflict, { ...pass, outcome: ' (unverified entry; halted)' })
}

/**
 * Returns the events for the result of a discovery: a comparison, or a recorded failure. Returns
 * undefined if the hub was unreachable or has no such entry: nothing is recorded then.
 * @throws ReplicaError ERR_PEER_ID, ERR_INSTANT, ERR_FRONTIER_ID, and the errors of readFrontier
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

/**
 * Returns the conflicts that no event records for this peer. Equal means: same finding, same kind,
 * same detail.
 */
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
  /** Suffix of the first event's reason. */
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
  if (isBlank(peer)) throw new ReplicaError('ERR_PEER_ID', 'the peer id is blank')
  if (readInstant(at) === undefined) throw new ReplicaError('ERR_INSTANT', 'the time of the comparison is not RFC 3339')
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
