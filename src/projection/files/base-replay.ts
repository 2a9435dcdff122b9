// Replays a log over a base document: the changes of later events to its objects, and the view of
// all events. Pure. Spec: protocol/frontier.md, F20.

import type { CooperativeTask } from '../../base/cooperative.ts'
import { hasCode } from '../../base/errors.ts'
import type { Json } from '../../json/value.ts'
import { readFindings } from '../../vela/files/frontier-file.ts'
import type { ResolutionAuthorities } from '../../vela/resolution/authority.ts'
import { genesisOf } from '../../vela/state/base-findings.ts'
import { viewObjects } from '../../vela/state/read-out.ts'
import { applyEvent, emptyView, type ViewOptions } from '../../vela/state/reducer.ts'
import { OBJECT_TABLES, type ObjectTable, type Precedes, type View } from '../../vela/state/state.ts'
import { idOf, listOf } from './base-document.ts'
import type { LogEvent } from './log-events.ts'

type Members = Map<string, Json>

/** Objects by their tables and ids. */
export type Changed = ReadonlyMap<ObjectTable, ReadonlyMap<string, Members>>

const EVENTS_PER_PIECE = 128

interface Replaying {
  readonly members: Members
  readonly log: readonly LogEvent[]
  readonly based: ReadonlySet<string>
  readonly precedes: Precedes | undefined
  readonly authorities: ResolutionAuthorities
}

export interface Replayed {
  /** Objects that later events changed or made. */
  readonly changed: Changed
  /** The view of all events. */
  readonly whole: View
}

/**
 * Computes the changes of later events and the view of all. Later events are applied on top of the
 * objects of the base, which may have been changed outside of the log. An object is taken from the
 * replay of the whole log if its later events precede events of the base in replay order, or if the
 * base's list does not bring it into the view.
 */
export function* replayLog({ members, log, based, precedes, authorities }: Replaying): CooperativeTask<Replayed> {
  const findings = readFindings(listOf(members, 'findings'), [])
  const proposals = listOf(members, 'proposals').flatMap(seedOf)
  const initialState: ViewOptions = { proposals, authorities, ...(precedes !== undefined && { precedes }) }
  const top = emptyView({ genesis: findings.map(({ body }) => body), ...initialState })
  const whole = emptyView({ genesis: genesisOf(findings, log), ...initialState })
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
      // It concerns statements of the base's events, such as a conflict between them.
      if (onTop.problems > inWhole.problems) for (const id of ids) between.add(id)
    } else for (const id of ids) if (started.has(id)) between.add(id)
  }
  const changed = new Map<ObjectTable, Map<string, Members>>()
  for (const table of OBJECT_TABLES) {
    const sources = table === 'findings' ? { top, whole } : { top: whole, whole }
    const objects = changedIn(table, { ...sources, touched, between })
    if (objects.size > 0) changed.set(table, objects)
  }
  return { changed, whole }
}

/** Each event at the first place of an authoritative node. */
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

/** An event that replay can't read changes nothing. */
function apply(view: View, event: LogEvent): { findings: readonly string[]; problems: number } {
  try {
    const { findings, problems } = applyEvent(view, event)
    return { findings, problems: problems.length }
  } catch (error) {
    if (!hasCode(error)) throw error
    return { findings: [], problems: 1 }
  }
}

function seedOf(proposal: Json): { id: string; payload: Json }[] {
  const id = idOf(proposal)
  return id === undefined ? [] : [{ id, payload: (proposal as Members).get('payload') ?? null }]
}
