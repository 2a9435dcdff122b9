// What a merge adds to the report of a sync: which conflicts it opened here (protocol/replay.md, R15, R16, R21). Looking for them costs
// what the merge brought, or is asked for. What is found goes into the journal.

import { VIEW_LIMITS } from '../base/limits.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { Channel } from '../sync/connection.ts'
import type { OpenedItem, OpenedTally } from '../sync/flow-report.ts'
import { OPENED_EVENTS_MAX, OPENED_NAME_BYTES_MAX } from '../sync/message.ts'
import { FIELDS } from '../vela/state/fields.ts'
import type { OpenedConflict } from './opened-conflicts.ts'

/** Both absent where nothing was merged, and where a long log would have to be replayed to know. */
export interface MergeReport {
  /** At most 256. */
  readonly conflicts_opened?: readonly OpenedConflict[]
  /** How many there are; of one merge up to 4,096 are counted. */
  readonly conflicts_opened_count?: number
}

export interface Merge {
  /** The peer whose nodes came in, as the journal is to name it. */
  readonly peer: string | undefined
  /** As `frontier.view.mark()` gave it before. */
  readonly from: number
  /** Nodes that came in. */
  readonly admitted: number
  /** Say it also where that means replaying a long log. */
  readonly asked?: boolean
  /** A peer waits for it: the view isn't brought up to date at once, which may mean replaying most of the log. */
  readonly awaited?: boolean
}

export async function mergeReport(frontier: Frontier, merge: Merge): Promise<MergeReport> {
  const { peer, from, admitted, asked = false, awaited = false } = merge
  const facts = peer === undefined ? {} : { peer }
  if (admitted === 0) return { conflicts_opened: [], conflicts_opened_count: 0 }
  if (from === 0 && !asked) return {} // all that there is came at once: what it holds is to be listed, and nothing was opened
  const { view } = frontier
  const isLong = frontier.log.nodes > VIEW_LIMITS.unaskedNodesMax
  if (awaited && isLong && view.isReplaying) return {} // until that is over nothing is to be had from it
  const whole = () => view.openedSince(from, facts)
  const isWhole = asked || (view.isLoaded && !awaited)
  const first = await (isWhole ? whole() : view.noteBehindWaist(from, facts))
  const opened = first ?? (view.isLoaded && !isLong ? await whole() : undefined)
  if (opened === undefined) return {}
  const listed = opened.slice(0, VIEW_LIMITS.openedListedMax)
  return { conflicts_opened: listed, conflicts_opened_count: opened.length }
}

/** As a hub tells it to the peer whose nodes came in. */
export function tallyOf({
  conflicts_opened: items,
  conflicts_opened_count: count = 0,
}: MergeReport): OpenedTally | undefined {
  return items && { count, items: items.map(itemOf) }
}

function itemOf({ id, kind, field, events, finding_id: finding, state }: OpenedConflict): OpenedItem {
  const about = { kind: kind === undefined ? null : nameOf(kind), field: field ?? null, finding: finding ?? null }
  return {
    conflict: nameOf(id),
    ...about,
    events: events.slice(0, OPENED_EVENTS_MAX),
    contested: state === 'contested',
  }
}

/** Resolutions may contest what has any name, and be about any kind: as much of it as a report takes. */
function nameOf(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= OPENED_NAME_BYTES_MAX) return text
  let end = OPENED_NAME_BYTES_MAX - Buffer.byteLength('…')
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1 // in the middle of a character
  return `${bytes.toString('utf8', 0, end)}…`
}

/** What a hub told of the merge there, of what this channel sent. */
export function toldReport({ source }: Channel): MergeReport {
  const opened = source?.report?.opened
  return opened === undefined
    ? {}
    : { conflicts_opened: opened.items.map(conflictOf), conflicts_opened_count: opened.count }
}

function conflictOf({ conflict: id, kind, field, events, finding, contested }: OpenedItem): OpenedConflict {
  return {
    id,
    finding_id: finding ?? undefined,
    kind: kind ?? undefined,
    field: FIELDS.find(name => name === field),
    events,
    state: contested ? 'contested' : 'open',
  }
}
