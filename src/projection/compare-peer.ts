// Compares a frontier with a peer's and journals the differences. Merges nothing and decides
// nothing. An entry that is false or leads nowhere is recorded as such; a peer that can't be
// reached is not recorded. Spec: protocol/federation.md.

import { ReplicaError } from '../base/errors.ts'
import { SETTLE_LIMITS } from '../base/limits.ts'
import type { LoggedEvent } from '../event/event.ts'
import { printJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import type { Observation } from '../replica/journal.ts'
import { contextOf, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import {
  type ComparisonEvents,
  type ComparisonReport,
  type ComparisonRun,
  recordLocatorFailure,
  recordUnverifiedEntry,
  syncWithPeer,
} from '../vela/federation/comparison.ts'
import type { Conflict, ConflictKind } from '../vela/federation/diff.ts'
import type { DiscoveryResult } from '../vela/federation/discovery.ts'
import { type Finding, type FrontierFile, readFrontier, type Unread, unreadOf } from '../vela/files/frontier-file.ts'
import { CONFLICT_DETECTED } from '../vela/payloads.ts'
import { ABSENT, isAboutPresence, PRESENT } from '../vela/resolution/field-values.ts'
import { discoverPeerFrontier, type FetchOptions, fetchPeerFrontier } from './fetch-frontier.ts'
import { absentTexts, exportFrontier, requireTexts } from './files/snapshot.ts'
import { OwnershipStore } from './ownership-store.ts'

/** How to compare. */
export interface CompareOptions extends FetchOptions {
  /** Fetch through the hub's registry entry instead of the peer's own manifest. */
  readonly viaHub?: boolean
  /**
   * With `viaHub`: the key of the frontier's owner, 64 hex digits. Default: the key known here,
   * else any.
   */
  readonly ownerKey?: string
  /** Compare without recording. */
  readonly dryRun?: boolean
  /** Record also what an earlier comparison with this peer recorded. */
  readonly again?: boolean
}

/**
 * The other side: a registered peer, a URL, or the content of a file with a name for it. The file
 * may be of a frontier with another name.
 */
export type CompareWith =
  | { readonly peer: string }
  | { readonly url: string }
  | { readonly file: Uint8Array; readonly name: string }

/** Result of a comparison. */
export interface Comparison {
  readonly frontier: string
  readonly outcome: 'compared' | 'broken_locator' | 'unverified_peer_entry'
  readonly report: ComparisonReport
  /** Ids of the events that record the comparison, or would with `dryRun`. */
  readonly events: readonly string[]
  readonly recorded: boolean
  /** Nodes of this replica whose text is not here; not 0 only with `dryRun`. */
  readonly withheld: number
  /** Parts of either frontier that could not be read and were not compared. */
  readonly unread: readonly (Unread & { readonly side: 'ours' | 'theirs' })[]
}

/**
 * Compares this replica's frontier with another, and journals the differences unless `dryRun` is
 * set.
 * @throws ReplicaError ERR_FETCH if the peer's frontier can't be fetched, ERR_NOT_FOUND if the hub
 *   has no entry for it, ERR_TEXT_WITHHELD if texts of this replica are not here,
 *   ERR_FRONTIER_UNKNOWN, ERR_PEER_UNKNOWN, ERR_ABORTED, and as `readFrontier`
 */
export async function comparePeer(
  replica: Replica,
  { frontier, from }: { readonly frontier: string; readonly from: CompareWith },
  options: CompareOptions = {},
): Promise<Comparison> {
  const context = contextOf(replica)
  const absent = absentTexts(replica, frontier)
  // A difference that only an absent text makes must not be recorded as a conflict.
  if (options.dryRun !== true) requireTexts(absent, frontier)
  const theirs = await fetchTheirs(context, frontier, { from, options })
  // Both sides with the same reading of numbers.
  const ours = readWhole((await exportFrontier(replica, frontier)).text)
  const recorded = options.again === true ? [] : await detectedBefore(context, frontier)
  const pass = { peer: theirs.peer, at: context.now(), frontier, recorded }
  const observed = observe(ours, theirs.found, pass)
  const { report, events } = observed
  if (options.dryRun !== true) await record(context, frontier, { observed, ours, found: theirs.found })
  return {
    frontier,
    outcome: OUTCOMES[theirs.found.kind],
    withheld: absent.withheld,
    report,
    events: events.map(({ head }) => head.id),
    recorded: options.dryRun !== true,
    unread: unreadOf({ ours, theirs: 'file' in theirs.found ? theirs.found.file : undefined }),
  }
}

/** Reads a frontier; a broken finding does not prevent the comparison of others. */
function readWhole(text: Uint8Array): FrontierFile {
  return readFrontier(text, { broken: 'keep' })
}

type Found =
  | { readonly kind: 'Frontier'; readonly file: FrontierFile }
  | Extract<DiscoveryResult, { kind: 'BrokenLocator' | 'UnverifiedEntry' }>

const OUTCOMES = {
  Frontier: 'compared',
  BrokenLocator: 'broken_locator',
  UnverifiedEntry: 'unverified_peer_entry',
} as const

interface ComparisonRequest {
  readonly from: CompareWith
  readonly options: CompareOptions
}

async function fetchTheirs(
  context: ReplicaContext,
  frontier: string,
  wanted: ComparisonRequest,
): Promise<{ peer: string; found: Found }> {
  const { from, options } = wanted
  if ('file' in from) return { peer: from.name, found: { kind: 'Frontier', file: readWhole(from.file) } }
  const place = 'peer' in from ? peerPlace(context, frontier, from.peer) : { url: from.url, publicKey: undefined }
  const peer = 'peer' in from ? from.peer : from.url
  if (options.viaHub !== true) {
    const fetched = await fetchPeerFrontier(place, frontier, options)
    if (fetched.kind === 'Fetched') return { peer, found: { kind: 'Frontier', file: readWhole(fetched.content) } }
    throw notFetched(fetched.url, fetched.reason, fetched.status)
  }
  const ownerKey = options.ownerKey ?? (await new OwnershipStore(context).known(context.frontier(frontier)))
  const found = await discoverPeerFrontier(place.url, frontier, { ...options, ownerKey })
  switch (found.kind) {
    case 'Resolved':
      return { peer, found: { kind: 'Frontier', file: readWhole(found.content) } }
    case 'BrokenLocator':
    case 'UnverifiedEntry':
      return { peer, found }
    case 'EntryNotFound':
      throw new ReplicaError('ERR_NOT_FOUND', `${peer} does not have an entry for ${frontier}`)
    case 'Unreachable':
      throw notFetched(found.url, found.error, 0)
  }
}

function notFetched(url: string, reason: string, status: number): ReplicaError {
  return new ReplicaError('ERR_FETCH', `${url}: ${reason}`, { facts: { url, status } })
}

/** @throws ReplicaError ERR_PEER_UNKNOWN */
function peerPlace(context: ReplicaContext, frontier: string, id: string): { url: string; publicKey: string } {
  const peer = context
    .frontier(frontier)
    .registry.list()
    .find(one => one.id === id)
  if (peer === undefined) throw new ReplicaError('ERR_PEER_UNKNOWN', `${id} is not registered for ${frontier}`)
  return peer
}

function observe(ours: FrontierFile, found: Found, pass: ComparisonRun): ComparisonEvents {
  if (found.kind === 'Frontier') return bounded(syncWithPeer(ours, found.file, pass))
  return found.kind === 'BrokenLocator'
    ? recordLocatorFailure(ours, found, pass)
    : recordUnverifiedEntry(ours, found, pass)
}

/** Keeps the first events of a comparison. The next comparison records the rest. */
function bounded({ report, events }: ComparisonEvents): ComparisonEvents {
  const most = 1 + SETTLE_LIMITS.conflictsRecordedMax
  if (events.length <= most) return { report, events }
  return { report: { ...report, events_appended: most }, events: events.slice(0, most) }
}

async function detectedBefore(context: ReplicaContext, frontier: string): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = []
  for await (const event of context.journal.events(frontier))
    if (event.head.kind === CONFLICT_DETECTED) events.push(event)
  return events
}

/**
 * Writes each event as an entry, and with a conflict the values of both sides, for its resolution.
 */
async function record(
  context: ReplicaContext,
  frontier: string,
  pass: { observed: ComparisonEvents; ours: FrontierFile; found: Found },
): Promise<void> {
  const { report, events } = pass.observed
  const peer = report.peer_id
  const sides =
    pass.found.kind === 'Frontier'
      ? sidesOf(report.conflicts, { ours: pass.ours, theirs: pass.found.file })
      : report.conflicts.map(() => undefined)
  const byConflict = new Map(report.conflicts.map((conflict, i) => [keyOf(conflict), sides[i]]))
  const entries = events.map(({ text, head }): Observation => {
    if (head.kind !== CONFLICT_DETECTED) return { kind: head.kind, facts: { peer }, event: text }
    const both = byConflict.get(keyOf(detected(text)))
    const small = both !== undefined && both.ours.length + both.theirs.length <= SETTLE_LIMITS.sideTextMax
    return { kind: head.kind, facts: { peer, ...(small ? both : {}) }, event: text }
  })
  let batch: Observation[] = []
  let bytes = 0
  for (const entry of entries) {
    batch.push(entry)
    bytes += entry.event!.length + SETTLE_LIMITS.sideTextMax
    if (bytes < SETTLE_LIMITS.recordBatchBytes) continue
    await context.journal.writeAll(frontier, batch)
    batch = []
    bytes = 0
  }
  await context.journal.writeAll(frontier, batch)
}

function keyOf({ finding_id, kind }: { finding_id: string; kind: string }): string {
  return JSON.stringify([finding_id, kind])
}

function detected(text: Uint8Array): { finding_id: string; kind: string } {
  return JSON.parse(Buffer.from(text).toString('utf8')).payload
}

/** Canonical JSON of both sides' values; null for a missing value. */
export interface Sides {
  readonly ours: string
  readonly theirs: string
}

type Findings = { readonly findings: readonly Finding[] }

/**
 * Returns the sides of conflicts of `diffFrontiers`, in their order; undefined for a conflict
 * without sides. Spec: protocol/resolution.md, G12.
 */
export function sidesOf(
  conflicts: readonly Conflict[],
  { ours, theirs }: { ours: Findings; theirs: Findings },
): (Sides | undefined)[] {
  const own = new Map(ours.findings.map(finding => [finding.id, finding]))
  const other = new Map(theirs.findings.map(finding => [finding.id, finding]))
  return conflicts.map(({ finding_id: id, kind }) => {
    const [a, b] = [sideOf(own.get(id), kind), sideOf(other.get(id), kind)]
    return a === undefined || b === undefined ? undefined : { ours: printJson(a), theirs: printJson(b) }
  })
}

function sideOf(finding: Finding | undefined, kind: ConflictKind): Json | undefined {
  if (isAboutPresence(kind)) return finding === undefined ? ABSENT : PRESENT
  if (finding === undefined) return undefined
  switch (kind) {
    case 'confidence_diverged': {
      // In its spelling, which a double may not keep.
      const confidence = finding.body.get('confidence')
      return confidence instanceof Map ? confidence.get('score') : undefined
    }
    case 'retracted_diverged':
      return finding.retracted
    case 'superseded_diverged':
      return finding.superseded
    case 'review_state_diverged':
      return finding.review_state ?? null
    case 'assertion_text_diverged':
      return finding.text
    case 'broken_locator':
    case 'unverified_peer_entry':
      return undefined
  }
}
