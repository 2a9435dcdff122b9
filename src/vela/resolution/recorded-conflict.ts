// What a conflict is about (protocol/resolution.md, G11, G12): by the event that recorded it, or by what was chosen to settle it.

import { hasCode } from '../../base/errors.ts'
import type { LoggedEvent } from '../../event/event.ts'
import type { Json } from '../../json/value.ts'
import { CONFLICT_DETECTED, checkFrontierPayload, payloadOf } from '../payloads.ts'
import type { ConflictResolutions } from './resolution-events.ts'

export interface ConflictSubject {
  readonly finding_id: string
  readonly kind: string
}

/** A conflict as an event `frontier.conflict_detected` says it. */
export interface RecordedSubject extends ConflictSubject {
  readonly peer_id: string
  readonly detail: string | undefined
}

/** Undefined for an event of another kind, or not of its form (G4). */
export function readRecorded({ text, head }: LoggedEvent): RecordedSubject | undefined {
  if (head.kind !== CONFLICT_DETECTED) return undefined
  const payload = payloadOf(text)
  try {
    checkFrontierPayload(CONFLICT_DETECTED, payload)
  } catch (error) {
    if (!hasCode(error, 'ERR_EVENT_SHAPE')) throw error
    return undefined
  }
  const members = payload as Map<string, Json>
  const detail = members.get('detail')
  return {
    ...subjectIn(members),
    peer_id: members.get('peer_id') as string,
    detail: typeof detail === 'string' ? detail : undefined,
  }
}

/** What a choice of the form of G4 is about. */
export function subjectIn(members: ReadonlyMap<string, Json>): ConflictSubject {
  return { finding_id: members.get('finding_id') as string, kind: members.get('kind') as string }
}

/** What resolutions are about, by what they choose; undefined where only a note says it. */
export function subjectOf({ standing }: Pick<ConflictResolutions, 'standing'>): ConflictSubject | undefined {
  const chosen = standing.map(({ choice }) => choice).find(choice => choice instanceof Map)
  return chosen === undefined ? undefined : subjectIn(chosen)
}
