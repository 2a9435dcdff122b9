// Which resolutions stand (protocol/resolution.md, G15–G17), read from events alone: the same events in any order and any number
// of copies give the same answer. Two resolutions of one conflict that were made apart and say different things are a conflict
// themselves: both stand, and both are shown, until a person decides between them.

import { digestKey, sha256 } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { compareText } from '../../base/text.ts'
import type { LoggedEvent } from '../../event/event.ts'
import { printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { CONFLICT_RESOLVED, checkFrontierPayload, payloadOf } from '../payloads.ts'
import { checkAuthority, type ResolutionAuthorities } from './authority.ts'

export interface Resolution {
  /** The resolving event. */
  readonly event: string
  readonly source: LoggedEvent
  readonly conflict: string
  readonly resolved_by: string
  readonly note: string
  readonly proposal: string | undefined
  readonly winner: string | undefined
  /** What was chosen, as its payload has it. */
  readonly choice: Json | undefined
  /** Resolutions of the same conflict that this one takes the place of. */
  readonly supersedes: readonly string[]
  /** Equal for two resolutions that say the same. */
  readonly outcome: string
}

export interface ConflictResolutions {
  readonly conflict: string
  /** `contested`: those that stand say different things. */
  readonly state: 'settled' | 'contested'
  readonly standing: readonly Resolution[]
  readonly superseded: readonly Resolution[]
}

export interface ResolutionView {
  /** By the conflict's event id; within one, by the resolving event's. */
  readonly conflicts: readonly ConflictResolutions[]
  /** Resolving events that count for nothing, and why. */
  readonly ignored: readonly { readonly event: string; readonly reason: string }[]
}

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

/** Resolving events, each text once, by id and then by the hash of the text: a label may have two contents. */
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
  deciders: ResolutionAuthorities,
): Resolution | { event: string; reason: string } {
  const { text, head } = event
  let payload: Json
  try {
    payload = payloadOf(text)
    checkFrontierPayload(head.kind, payload)
    checkAuthority(event, payload as Map<string, Json>, deciders)
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

/** What a resolving payload says, for comparing: what is chosen and who wins; where neither is said, the note. */
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
  // A circle is not to be had without breaking the hash; should there be one, it hides nothing.
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
