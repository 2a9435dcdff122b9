// What settling a conflict has to know: the federation events of the log and of the journal, the conflicts that replay computes, and what
// both sides of a recorded conflict have. The log only grows, so its events are read once and added to.

import type { Digest } from '../bytes.ts'
import { decodeNode } from '../codec/node.ts'
import { verifyVetted } from '../trust/vetted.ts'
import { checkEvent } from '../vela/event.ts'
import { CONFLICT_DETECTED, CONFLICT_RESOLVED } from '../vela/frontier-payload.ts'
import type { ComputedConflict } from '../vela/replay/conflicts.ts'
import type { Docket } from '../vela/resolution.ts'
import { type LoggedEvent, type ResolutionView, readResolutions } from '../vela/resolution-view.ts'
import { isStanding } from './carriers.ts'
import type { Sides } from './compare-sides.ts'
import type { Frontier } from './frontier.ts'
import type { Home } from './home.ts'
import { seedsOf } from './whole-seeds.ts'

/** Begins the kind of every event that is looked for, in canonical text. */
const HINT = Buffer.from('"kind":"frontier.conflict_')

interface Logged extends LoggedEvent {
  /** Of the node that carries it. */
  readonly key: Digest
}

/** By log: what was read, and up to where. */
const read = new WeakMap<Frontier, { next: number; events: Logged[] }>()

/** Its events are those that record conflicts or resolve them, of the log and of the journal. */
export interface SettleSources extends Docket {
  readonly computed: readonly ComputedConflict[]
  readonly resolutions: ResolutionView
}

export async function settleSources(home: Home, name: string): Promise<SettleSources> {
  const frontier = home.at(name)
  const events: LoggedEvent[] = await loggedEvents(home, frontier)
  for await (const event of home.journal.events(name)) if (event.head.kind === CONFLICT_DETECTED) events.push(event)
  const computed = await frontier.view.conflicts()
  const { actors } = await seedsOf(frontier)
  const deciders = { actors, verify: verifyVetted }
  return { events, computed, deciders, resolutions: readResolutions(events, deciders) }
}

/** Those of the log, without resolutions that only a removed peer vouches for: replay doesn't count them either. */
async function loggedEvents(home: Home, frontier: Frontier): Promise<LoggedEvent[]> {
  const { log, registry } = frontier
  const known = read.get(frontier) ?? { next: 0, events: [] }
  read.set(frontier, known)
  const from = known.next
  const fresh: Logged[] = []
  let next = from
  for await (const rows of log.scan({ from, to: log.nodes })) {
    for (const { seq, bytes } of rows) {
      next = seq + 1
      if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(HINT)) continue
      const { event, key } = decodeNode(bytes)
      const head = checkEvent(event)
      const wanted = head.kind === CONFLICT_DETECTED || head.kind === CONFLICT_RESOLVED
      if (wanted) fresh.push({ text: event.slice(), head, key: key.slice() })
    }
  }
  // Somebody else may have read the same meanwhile.
  if (known.next === from) {
    known.next = next
    known.events.push(...fresh)
  }
  const counts = ({ head, key }: Logged): boolean =>
    head.kind !== CONFLICT_RESOLVED || isStanding(registry, home.hubId, key)
  return known.events.filter(counts).map(({ text, head }) => ({ text, head }))
}

const PAGE = 256

/** What both sides had when the journal recorded this conflict; undefined where it doesn't say. */
export async function recordedSides(home: Home, frontier: string, conflict: string): Promise<Sides | undefined> {
  let after: number | undefined
  for (;;) {
    const page = await home.journal.list(frontier, { ...(after === undefined ? {} : { after }), limit: PAGE })
    for (const { kind, event, facts } of page) {
      if (kind !== CONFLICT_DETECTED || event === undefined || checkEvent(event).id !== conflict) continue
      const { ours, theirs } = facts
      return typeof ours === 'string' && typeof theirs === 'string' ? { ours, theirs } : undefined
    }
    after = page.at(-1)?.number
    if (after === undefined) return undefined
  }
}
