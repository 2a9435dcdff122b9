// Standing resolutions, computed from events only: the same events in any order and number of
// copies give the same result. Two concurrent resolutions of one conflict with different outcomes
// contest each other: both stand and are shown until a person decides between them.
// Spec: protocol/resolution.md, G15–G17.

import { digestKey, sha256 } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { compareText } from '../../base/text.ts'
import type { LoggedEvent } from '../../event/event.ts'
import { printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { CONFLICT_RESOLVED, checkFrontierPayload, payloadOf } from '../payloads.ts'
import { checkAuthority, type ResolutionAuthorities } from './authority.ts'

/** One resolving event that counts. */
export interface Resolution {
  /** Id of the resolving event. */
  readonly event: string
  readonly source: LoggedEvent
  readonly conflict: string
  readonly resolved_by: string
  readonly note: string
  readonly proposal: string | undefined
  readonly winner: string | undefined
  /** The choice, as in the payload. */
  readonly choice: Json | undefined
  /** Ids of the resolutions of the same conflict that this one replaces. */
  readonly supersedes: readonly string[]
  /** Equal for two resolutions with the same outcome. */
  readonly outcome: string
}

/** The resolutions of one conflict. */
export interface ConflictResolutions {
  readonly conflict: string
  /** `contested`: the standing resolutions have different outcomes. */
  readonly state: 'settled' | 'contested'
  readonly standing: readonly Resolution[]
  readonly superseded: readonly Resolution[]
}

/** All resolutions of a log. */
export interface ResolutionView {
  /** Sorted by conflict id; resolutions of one conflict by event id. */
  readonly conflicts: readonly ConflictResolutions[]
  /** Resolving events that do not count, and why. */
  readonly ignored: readonly { readonly event: string; readonly reason: string }[]
}

/** Returns the resolutions among the events; other events are ignored. */
export function readResolutions(events: Iterable<LoggedEvent>, authorities: ResolutionAuthorities): ResolutionView {
  const byConflict = new Map<string, Resolution[]>()
  const ignored: { event: string; reason: string }[] = []
  for (const event of distinctResolving(events)) {
    const found = resolutionOf(event, authorities)
    if ('reason' in found) ignored.push(found)
    else {
      const others = byConflict.get(found.conflict)
      if (others === undefined) byConflict.set(found.conflict, [found])
      else others.push(found)
    }
  }
  const names = [...byConflict.keys()].sort(compareText)
  return { conflicts: names.map(name => resolutionsFor(name, byConflict.get(name)!)), ignored }
}

/**
 * Returns the resolving events, each text once, sorted by id, then by hash of the text: an id may
 * have two contents.
 */
function distinctResolving(events: Iterable<LoggedEvent>): LoggedEvent[] {
  const found = new Map<string, LoggedEvent>()
  for (const event of events) {
    if (event.head.kind === CONFLICT_RESOLVED) found.set(digestKey(sha256(event.text)), event)
  }
  return [...found]
    .sort(([a, x], [b, y]) => compareText(x.head.id, y.head.id) || (a < b ? -1 : 1))
    .map(([, event]) => event)
}

function resolutionOf(
  event: LoggedEvent,
  authorities: ResolutionAuthorities,
): Resolution | { event: string; reason: string } {
  const { text, head } = event
  let payload: Json
  try {
    payload = payloadOf(text)
    checkFrontierPayload(head.kind, payload)
    checkAuthority(event, payload as Map<string, Json>, authorities)
  } catch (error) {
    if (!hasCode(error)) throw error
    return { event: head.id, reason: error.message }
  }
  const members = payload as Map<string, Json>
  const optional = (name: string) => (members.get(name) ?? undefined) as string | undefined
  return {
    event: head.id,
    source: { text, head },
    conflict: members.get('conflict_event_id') as string,
    resolved_by: head.actor.id,
    note: members.get('resolution_note') as string,
    proposal: typeof members.get('proposal_id') === 'string' ? optional('proposal_id') : undefined,
    winner: optional('winning_proposal_id'),
    choice: members.get('choice'),
    supersedes: (members.get('supersedes') ?? []) as string[],
    outcome: outcomeOf(members),
  }
}

/**
 * Returns the outcome of a payload in a comparable form: choice and winner; the note if both are
 * absent.
 */
export function outcomeOf(payload: ReadonlyMap<string, Json>): string {
  const named = ['winning_proposal_id', 'choice'].filter(name => (payload.get(name) ?? null) !== null)
  const names = named.length === 0 ? ['resolution_note'] : named
  return printJson(new Map(names.map(name => [name, payload.get(name)!])))
}

function resolutionsFor(conflict: string, resolutions: readonly Resolution[]): ConflictResolutions {
  const replaced = new Set<string>()
  for (const { event, supersedes } of resolutions) {
    for (const other of supersedes) if (other !== event) replaced.add(other)
  }
  const standing = resolutions.filter(({ event }) => !replaced.has(event))
  // A cycle is impossible without a hash collision; if there is one, all resolutions stand.
  if (standing.length === 0) return { conflict, state: stateOf(resolutions), standing: resolutions, superseded: [] }
  return {
    conflict,
    state: stateOf(standing),
    standing,
    superseded: resolutions.filter(one => !standing.includes(one)),
  }
}

function stateOf(standing: readonly Resolution[]): 'settled' | 'contested' {
  return new Set(standing.map(({ outcome }) => outcome)).size > 1 ? 'contested' : 'settled'
}
