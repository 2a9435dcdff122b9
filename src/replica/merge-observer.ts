// Port to the code that interprets events: it looks for conflicts that newly admitted nodes opened.
// The core carries the result into reports and the `opened` member of the wire, and neither makes
// nor reads it. Without an observer nothing is reported.

import { WIRE_LIMITS } from '../base/limits.ts'
import type { Channel } from '../sync/connection.ts'
import type { OpenedItem, OpenedTally } from '../sync/flow-report.ts'

const { openedEventsMax, openedNameBytesMax } = WIRE_LIMITS

/** A conflict between events that were made concurrently, without its values. */
export interface OpenedConflict {
  /** `vcx_…`; for conflicting resolutions the id of the conflict that they are about. */
  readonly id: string
  /** Undefined if nothing in the log says it. So is `kind`. */
  readonly findingId: string | undefined
  readonly kind: string | undefined
  /** Undefined for a conflict between resolutions that set no field. */
  readonly field: string | undefined
  /** Ids of the events, in byte order. */
  readonly events: readonly string[]
  /** `contested`: between resolutions. */
  readonly state: 'open' | 'contested'
}

/**
 * Both are undefined if the conflicts were not computed: nothing was merged before, or it would
 * take too long.
 */
export interface MergeReport {
  /** At most 256. */
  readonly conflictsOpened?: readonly OpenedConflict[]
  /** The number of all; at most 4,096 are counted. */
  readonly conflictsOpenedCount?: number
}

/** A finished merge of received nodes. */
export interface Merge {
  readonly frontier: string
  /** The peer that sent the nodes, if it is registered. */
  readonly peer: string | undefined
  /** Number of nodes in the log before the merge. */
  readonly from: number
  /** Number of admitted nodes. */
  readonly admitted: number
  /** Compute the conflicts even if the whole log has to be replayed. */
  readonly isAsked: boolean
  /** A peer waits for the result: don't start long work. */
  readonly isAwaited: boolean
}

/** Looks for conflicts after merges. It must not change the log. */
export interface MergeObserver {
  /** Called before nodes of a frontier are received. */
  beforeMerge(frontier: string): Promise<void>
  /**
   * Called after the nodes are admitted. Returns the conflicts that they opened; both members
   * undefined if not computed.
   */
  afterMerge(merge: Merge): Promise<MergeReport>
}

/** The observer of a replica that interprets no events. */
export const NO_OBSERVER: MergeObserver = {
  async beforeMerge() {},
  async afterMerge() {
    return {}
  },
}

/** The report as a hub sends it to the peer whose nodes it admitted. */
export function openedTally(report: MergeReport): OpenedTally | undefined {
  const { conflictsOpened: items, conflictsOpenedCount: count = 0 } = report
  return items && { count, items: items.map(itemOf) }
}

function itemOf({ id, kind, field, events, findingId: finding, state }: OpenedConflict): OpenedItem {
  return {
    conflict: nameOf(id),
    kind: kind === undefined ? null : nameOf(kind),
    field: field ?? null,
    finding: finding ?? null,
    events: events.slice(0, openedEventsMax),
    contested: state === 'contested',
  }
}

/**
 * Cuts text to openedNameBytesMax bytes of UTF-8: an event may give a conflict an id or kind of any
 * length.
 */
function nameOf(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= openedNameBytesMax) return text
  let end = openedNameBytesMax - Buffer.byteLength('…')
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1 // in the middle of a character
  return `${bytes.toString('utf8', 0, end)}…`
}

/** The conflicts that the peer reported for the nodes that this channel sent. */
export function reportedByPeer({ source }: Channel): MergeReport {
  const opened = source?.report?.opened
  if (opened === undefined) return {}
  return { conflictsOpened: opened.items.map(conflictOf), conflictsOpenedCount: opened.count }
}

function conflictOf({ conflict: id, kind, field, events, finding, contested }: OpenedItem): OpenedConflict {
  return {
    id,
    findingId: finding ?? undefined,
    kind: kind ?? undefined,
    field: field ?? undefined,
    events,
    state: contested ? 'contested' : 'open',
  }
}
