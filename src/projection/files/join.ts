// A whole frontier put together again (protocol/frontier.md, F20 to F22): what the base document kept, the events of the log in the
// order that they came in and after them those that came later, and what the later ones made of findings and other objects. Pure.

import { sha256, toHex } from '../../base/bytes.ts'
import { type CooperativeTask, runToCompletion } from '../../base/cooperative.ts'
import { hasCode } from '../../base/errors.ts'
import { compareText } from '../../base/text.ts'
import { importEvent } from '../../event/event.ts'
import { parseJson, printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { type CountedEvent, frontierStats } from '../../vela/files/frontier-statistics.ts'
import { isHashed } from '../../vela/hashes/normalize.ts'
import { serializedForm } from '../../vela/hashes/snapshot-hash.ts'
import { byTimestamp } from '../../vela/hashes/target-hash-chain.ts'
import type { ResolutionAuthorities } from '../../vela/resolution/authority.ts'
import { viewObjects } from '../../vela/state/read-out.ts'
import { OBJECT_TABLES, type Precedes, type View } from '../../vela/state/state.ts'
import { type BaseEvent, idOf, listOf } from './base-document.ts'
import { type Changed, replayLog } from './base-replay.ts'
import type { LogEvent } from './log-events.ts'

type Members = Map<string, Json>

/** What a frontier file says besides its events, and how these stood in it. */
export interface BaseDocument {
  readonly members: ReadonlyMap<string, Json>
  readonly events: readonly BaseEvent[] | undefined
  /** The file is put together here and is not somebody's that was imported: of what a log says, or a repository's records. */
  readonly own?: 'log' | 'repository'
}

export interface Joined {
  /** All members but the events. */
  readonly members: Members
  readonly events: readonly {
    readonly value: Json
    readonly event: LogEvent | undefined
    readonly path: string | undefined
  }[]
  /** Proposals that came later. */
  readonly proposals: readonly Json[]
  /** Whether the log has events that the base doesn't. */
  readonly later: boolean
  /** The objects that later events changed or made, by table. */
  readonly changed: Changed
}

const EVENTS_PER_PIECE = 128

const NOTHING_CHANGED: Changed = new Map()

interface JoinOptions {
  /** Who may settle. */
  readonly authorities: ResolutionAuthorities
  readonly proposals: readonly Json[]
  /** Ancestry of the events' nodes. */
  readonly precedes?: Precedes
}

/** What is no finding stays in its list, and no event is about it. */
export function joinFrontier(baseDocument: BaseDocument, log: readonly LogEvent[], options: JoinOptions): Joined {
  return runToCompletion(joinFrontierInPieces(baseDocument, log, options))
}

/** The same with pauses. */
export function* joinFrontierInPieces(
  baseDocument: BaseDocument,
  log: readonly LogEvent[],
  { proposals, precedes, authorities }: JoinOptions,
): CooperativeTask<Joined> {
  const own = new Map(log.map(event => [event.digest, event]))
  const based = new Set<string>()
  const events: { value: Json; event: LogEvent | undefined; path: string | undefined }[] = []
  for (const [i, { digest, value, path }] of (baseDocument.events ?? []).entries()) {
    if (i % EVENTS_PER_PIECE === 0) yield
    const event = digest === undefined ? undefined : own.get(digest)
    if (digest !== undefined && event === undefined) continue // Not here, or no longer.
    if (event !== undefined) based.add(event.digest)
    const given = asGiven(value, event)
    events.push({ value: given === undefined ? parseStored(event!) : given, event, path })
  }
  const later = log.filter(({ digest }) => !based.has(digest))
  for (const [i, event] of later.entries()) {
    if (i % EVENTS_PER_PIECE === 0) yield
    events.push({ value: parseStored(event), event, path: undefined })
  }
  const members = new Map(baseDocument.members)
  const missing = newProposals(members, proposals)
  if (missing.length > 0) members.set('proposals', [...listOf(members, 'proposals'), ...missing])
  const isRepository = baseDocument.own === 'repository'
  const replaying = { members, log, based, precedes, authorities }
  const { changed, whole } =
    later.length > 0 || isRepository ? yield* replayLog(replaying) : { changed: NOTHING_CHANGED, whole: undefined }
  if (isRepository) addBrought(members, whole!)
  for (const [table, objects] of changed) members.set(table, withObjects(listOf(members, table), objects))
  if (isRepository) for (const table of [...OBJECT_TABLES, 'proposals']) sortRecords(members, table)
  const counted = events.map(countedEvent)
  if (baseDocument.own === undefined && later.length > 0) recount(members, counted)
  return {
    members: baseDocument.own === undefined ? members : complete(members, counted),
    events: isRepository ? inOrderOfTime(events) : events,
    proposals: missing,
    later: later.length > 0 || missing.length > 0,
    changed,
  }
}

/** What a repository's events bring and none of its records has; of findings, where it has no records of them at all. */
function addBrought(members: Members, whole: View): void {
  for (const table of OBJECT_TABLES) {
    const records = listOf(members, table)
    if (table === 'findings' && records.length > 0) continue
    const known = new Set(records.map(idOf))
    const brought = viewObjects(whole, table).filter(({ id }) => !known.has(id))
    if (brought.length > 0) members.set(table, [...records, ...brought.map(({ body }) => new Map(body))])
  }
}

/** By id, which names their files: so they stand in one order, whenever they came. */
function sortRecords(members: Members, name: string): void {
  const records = listOf(members, name).map(record => ({ id: idOf(record), record }))
  if (records.length === 0) return
  const order = (a: string | undefined, b: string | undefined): number =>
    a === undefined || b === undefined ? Number(a === undefined) - Number(b === undefined) : compareText(a, b)
  members.set(
    name,
    records.sort((a, b) => order(a.id, b.id)).map(({ record }) => record),
  )
}

/** The order in which a repository's events are taken in; what is none of them last. */
function inOrderOfTime(events: Joined['events']): Joined['events'] {
  const own = events.flatMap(one => (one.event === undefined ? [] : [{ head: one.event.head, one }]))
  return [...byTimestamp(own).map(({ one }) => one), ...events.filter(({ event }) => event === undefined)]
}

/** How the base has an event, which must be that event; of what is not in the log, as it is. */
function asGiven(value: Json | undefined, event: LogEvent | undefined): Json | undefined {
  if (value === undefined || event === undefined) return value
  try {
    return toHex(sha256(importEvent(printJson(value)).text)) === event.digest ? value : undefined
  } catch (error) {
    if (!hasCode(error)) throw error
    return undefined
  }
}

/** Proposals that the base doesn't have; a proposal's id is its label. */
function newProposals(members: Members, proposals: readonly Json[]): Json[] {
  const known = new Set(listOf(members, 'proposals').map(idOf))
  return proposals.filter(proposal => {
    const id = idOf(proposal)
    if (id === undefined || known.has(id)) return false
    known.add(id)
    return true
  })
}

/** Each object in its place, new ones at the end. */
function withObjects(list: readonly Json[], objects: ReadonlyMap<string, Members>): Json[] {
  const left = new Map(objects)
  const result = list.map(item => {
    const id = idOf(item)
    const object = id === undefined ? undefined : objects.get(id)
    if (id !== undefined) left.delete(id)
    return object ?? item
  })
  return [...result, ...left.values()]
}

/** The counts that later events made wrong, where `stats` has them; what else it says is of its maker. */
function recount(members: Members, events: readonly CountedEvent[]): void {
  const stats = members.get('stats')
  if (!(stats instanceof Map)) return
  const recounted = new Map(stats)
  for (const [name, count] of frontierStats(members, events)) if (stats.has(name)) recounted.set(name, count)
  members.set('stats', recounted)
}

/** What was refused as an event counts as one, and says nothing. */
function countedEvent({ event }: Joined['events'][number]): CountedEvent {
  if (event === undefined) return { kind: '', target: '', actor: '' }
  const { kind, target, actor } = event.head
  return { kind, target: target.id, actor: actor.id }
}

/** All members written out, and all of `stats`: what nobody else has published has no other form. */
function complete(members: Members, events: readonly CountedEvent[]): Members {
  const counted = serializedForm(new Map(members).set('stats', frontierStats(members, events)))
  const others = [...members].filter(([name]) => !isHashed(name))
  return new Map([...others, ...counted])
}

/** The documents that are proposals: objects with an id of theirs. */
export function proposalsIn(documents: Iterable<Uint8Array>): Json[] {
  const proposals: Json[] = []
  for (const bytes of documents) {
    if (bytes[0] !== 0x7b && bytes[0] !== 0x20 && bytes[0] !== 0x0a) continue
    try {
      const value = parseJson(bytes, { numbers: 'exact' })
      if (idOf(value)?.startsWith('vpr_')) proposals.push(value)
    } catch (error) {
      if (!hasCode(error, 'ERR_JSON')) throw error
    }
  }
  return proposals
}

function parseStored({ text }: LogEvent): Json {
  return parseJson(text, { numbers: 'exact' })
}
