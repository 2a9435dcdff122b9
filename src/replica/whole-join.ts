// A whole frontier put together again (protocol/frontier.md, F20 to F22): what the base document kept, the events of the log in the
// order that they came in and after them those that came later, and what the later ones made of findings and other objects. Pure.

import { sha256, toHex } from '../bytes.ts'
import { hasCode } from '../errors.ts'
import type { Deciders } from '../vela/decider.ts'
import { importEvent } from '../vela/event.ts'
import { readFindings } from '../vela/frontier-file.ts'
import { writtenOut } from '../vela/frontier-hash.ts'
import { type CountedEvent, frontierStats } from '../vela/frontier-stats.ts'
import { parseJson, printJson } from '../vela/json.ts'
import { finish, type InPieces } from '../vela/pieces.ts'
import { genesisOf } from '../vela/replay/genesis.ts'
import { viewObjects } from '../vela/replay/rows.ts'
import { OBJECT_TABLES, type ObjectTable, type Precedes, type View } from '../vela/replay/state.ts'
import { applyEvent, emptyView } from '../vela/replay/view.ts'
import { isHashed } from '../vela/typed-form.ts'
import type { Json } from '../vela/value.ts'
import type { BaseEvent } from './whole-document.ts'
import type { LogEvent } from './whole-log.ts'

type Members = Map<string, Json>

/** What a frontier file says besides its events, and how these stood in it. */
export interface Basis {
  readonly members: ReadonlyMap<string, Json>
  readonly events: readonly BaseEvent[] | undefined
  /** The file is put together here, of what its log says, and not somebody's that was imported. */
  readonly own?: true
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
  /** The objects that later events changed or made, by table. */
  readonly changed: ReadonlyMap<ObjectTable, ReadonlyMap<string, Members>>
}

const EVENTS_PER_PIECE = 128

const NOTHING_CHANGED: Joined['changed'] = new Map()

interface JoinOptions {
  /** Who may settle. */
  readonly deciders: Deciders
  readonly proposals: readonly Json[]
  /** Ancestry of the events' nodes. */
  readonly precedes?: Precedes
}

/** What is no finding stays in its list, and no event is about it. */
export function joinFrontier(basis: Basis, log: readonly LogEvent[], options: JoinOptions): Joined {
  return finish(joinFrontierInPieces(basis, log, options))
}

/** The same with pauses. */
export function* joinFrontierInPieces(
  basis: Basis,
  log: readonly LogEvent[],
  { proposals, precedes, deciders }: JoinOptions,
): InPieces<Joined> {
  const own = new Map(log.map(event => [event.digest, event]))
  const based = new Set<string>()
  const events: { value: Json; event: LogEvent | undefined; path: string | undefined }[] = []
  for (const [i, { digest, value, path }] of (basis.events ?? []).entries()) {
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
  const members = new Map(basis.members)
  const missing = newProposals(members, proposals)
  if (missing.length > 0) members.set('proposals', [...listOf(members, 'proposals'), ...missing])
  const replay = { members, log, based, precedes, deciders }
  const changed = later.length === 0 ? NOTHING_CHANGED : yield* replayLater(replay)
  for (const [table, objects] of changed) members.set(table, withObjects(listOf(members, table), objects))
  if (basis.own === true)
    return { members: complete(members, events.map(countedEvent)), events, proposals: missing, changed }
  if (later.length > 0) recount(members, events.map(countedEvent))
  return { members, events, proposals: missing, changed }
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

interface Replaying {
  readonly members: Members
  readonly log: readonly LogEvent[]
  readonly based: ReadonlySet<string>
  readonly precedes: Precedes | undefined
  readonly deciders: Deciders
}

/**
 * What later events changed. They are applied on top of the objects as the base has them, since these may have been changed outside of
 * the log; an object whose later events stand between those of the base in replay order, or that the base's list doesn't bring into
 * the view, is taken from the replay of the whole log.
 */
function* replayLater(replaying: Replaying): InPieces<Map<ObjectTable, Map<string, Members>>> {
  const { members, log, based, precedes, deciders } = replaying
  const findings = readFindings(listOf(members, 'findings'), [])
  const proposals = listOf(members, 'proposals').flatMap(seedOf)
  const seeds = { proposals, deciders, ...(precedes !== undefined && { precedes }) }
  const top = emptyView({ genesis: findings.map(({ body }) => body), ...seeds })
  const whole = emptyView({ genesis: genesisOf(findings, log), ...seeds })
  const started = new Set<string>()
  const between = new Set<string>()
  const touched = new Set<string>()
  for (const [i, event] of counting(log).entries()) {
    if (i % EVENTS_PER_PIECE === 0) yield
    const inWhole = apply(whole, event)
    const ids = [event.head.target.id, ...inWhole.findings]
    if (!based.has(event.digest)) {
      const onTop = apply(top, event)
      for (const id of [...ids, ...onTop.findings]) touched.add(id)
      for (const id of ids) started.add(id)
      // It is about what events of the base said, such as a conflict between them.
      if (onTop.problems > inWhole.problems) for (const id of ids) between.add(id)
    } else for (const id of ids) if (started.has(id)) between.add(id)
  }
  const changed = new Map<ObjectTable, Map<string, Members>>()
  for (const table of OBJECT_TABLES) {
    const sources = table === 'findings' ? { top, whole } : { top: whole, whole }
    const objects = changedIn(table, { ...sources, touched, between })
    if (objects.size > 0) changed.set(table, objects)
  }
  return changed
}

/** Each at the first place of a node that counts. */
function counting(log: readonly LogEvent[]): LogEvent[] {
  return log.filter(({ counts }) => counts).sort((a, b) => (a.nodes?.[0] ?? 0) - (b.nodes?.[0] ?? 0))
}

function changedIn(
  table: ObjectTable,
  from: { top: View; whole: View; touched: ReadonlySet<string>; between: ReadonlySet<string> },
): Map<string, Members> {
  const whole = new Map(viewObjects(from.whole, table).map(({ id, body }) => [id, body]))
  const objects = new Map<string, Members>()
  for (const { id, body } of viewObjects(from.top, table)) {
    if (!from.touched.has(id)) continue
    objects.set(id, new Map((from.between.has(id) ? whole.get(id) : undefined) ?? body))
  }
  return objects
}

/** An event that no replay can read changes nothing; the gate let it in as an event. */
function apply(view: View, event: LogEvent): { findings: readonly string[]; problems: number } {
  try {
    const { findings, problems } = applyEvent(view, event)
    return { findings, problems: problems.length }
  } catch (error) {
    if (!hasCode(error)) throw error
    return { findings: [], problems: 1 }
  }
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
  const counted = writtenOut(new Map(members).set('stats', frontierStats(members, events)))
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

export function listOf(members: ReadonlyMap<string, Json>, name: string): readonly Json[] {
  const list = members.get(name)
  return Array.isArray(list) ? list : []
}

export function idOf(value: Json): string | undefined {
  const id = value instanceof Map ? value.get('id') : undefined
  return typeof id === 'string' ? id : undefined
}

function seedOf(proposal: Json): { id: string; payload: Json }[] {
  const id = idOf(proposal)
  return id === undefined ? [] : [{ id, payload: (proposal as Members).get('payload') ?? null }]
}

function parseStored({ text }: LogEvent): Json {
  return parseJson(text, { numbers: 'exact' })
}
