// Joins a whole frontier: the members of the base document, the events in their order, later events
// after them, and the changes that later ones made to findings and other objects. Pure. Spec:
// protocol/frontier.md, F20 to F22.

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

/** The parts of a frontier file besides its events, and the form of these. */
export interface BaseDocument {
  readonly members: ReadonlyMap<string, Json>
  readonly events: readonly BaseEvent[] | undefined
  /** The file is made here and not imported: from a log, or from a repository's records. */
  readonly own?: 'log' | 'repository'
}

export interface Joined {
  /** All members except the events. */
  readonly members: Members
  readonly events: readonly {
    readonly value: Json
    readonly event: LogEvent | undefined
    readonly path: string | undefined
  }[]
  /** Proposals added later. */
  readonly proposals: readonly Json[]
  /** Whether the log has events that the base does not have. */
  readonly later: boolean
  /** The objects that later events changed or made, by table. */
  readonly changed: Changed
}

const EVENTS_PER_PIECE = 128

const NOTHING_CHANGED: Changed = new Map()

interface JoinOptions {
  /** Keys and actors that may settle conflicts. */
  readonly authorities: ResolutionAuthorities
  readonly proposals: readonly Json[]
  /** Ancestry of the nodes of events. */
  readonly precedes?: Precedes
}

/** Joins at once. Entries that are not findings stay in their list, and no event concerns them. */
export function joinFrontier(baseDocument: BaseDocument, log: readonly LogEvent[], options: JoinOptions): Joined {
  return runToCompletion(joinFrontierInPieces(baseDocument, log, options))
}

/** Joins cooperatively, with pauses. */
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

/**
 * Adds objects that events bring and no record of the repository has; findings only if it has no
 * records of findings.
 */
function addBrought(members: Members, whole: View): void {
  for (const table of OBJECT_TABLES) {
    const records = listOf(members, table)
    if (table === 'findings' && records.length > 0) continue
    const known = new Set(records.map(idOf))
    const brought = viewObjects(whole, table).filter(({ id }) => !known.has(id))
    if (brought.length > 0) members.set(table, [...records, ...brought.map(({ body }) => new Map(body))])
  }
}

/** Sorts by id, which names the files, so that the order does not depend on arrival. */
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

/** Sorts the events of a repository; entries that are not events come last. */
function inOrderOfTime(events: Joined['events']): Joined['events'] {
  const own = events.flatMap(one => (one.event === undefined ? [] : [{ head: one.event.head, one }]))
  return [...byTimestamp(own).map(({ one }) => one), ...events.filter(({ event }) => event === undefined)]
}

/** Returns the event in the form of the base, if that is the same event, else as it is. */
function asGiven(value: Json | undefined, event: LogEvent | undefined): Json | undefined {
  if (value === undefined || event === undefined) return value
  try {
    return toHex(sha256(importEvent(printJson(value)).text)) === event.digest ? value : undefined
  } catch (error) {
    if (!hasCode(error)) throw error
    return undefined
  }
}

/** Returns the proposals that the base does not have, by id. */
function newProposals(members: Members, proposals: readonly Json[]): Json[] {
  const known = new Set(listOf(members, 'proposals').map(idOf))
  return proposals.filter(proposal => {
    const id = idOf(proposal)
    if (id === undefined || known.has(id)) return false
    known.add(id)
    return true
  })
}

/** Returns the list with changed objects in place and new ones at the end. */
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

/** Corrects the counts in `stats` that later events changed, if they are there. */
function recount(members: Members, events: readonly CountedEvent[]): void {
  const stats = members.get('stats')
  if (!(stats instanceof Map)) return
  const recounted = new Map(stats)
  for (const [name, count] of frontierStats(members, events)) if (stats.has(name)) recounted.set(name, count)
  members.set('stats', recounted)
}

/** A refused event counts as one event without content. */
function countedEvent({ event }: Joined['events'][number]): CountedEvent {
  if (event === undefined) return { kind: '', target: '', actor: '' }
  const { kind, target, actor } = event.head
  return { kind, target: target.id, actor: actor.id }
}

/** Writes all members and all of `stats`, because no other form of this frontier was published. */
function complete(members: Members, events: readonly CountedEvent[]): Members {
  const counted = serializedForm(new Map(members).set('stats', frontierStats(members, events)))
  const others = [...members].filter(([name]) => !isHashed(name))
  return new Map([...others, ...counted])
}

/** Returns the documents that are proposals: objects with an id. */
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
