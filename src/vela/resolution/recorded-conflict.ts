// The subject of a conflict: which finding and which difference. It comes from the event that
// recorded the conflict, or from the choice that settled it. Spec: protocol/resolution.md, G11,
// G12.

import { hasCode } from '../../base/errors.ts'
import type { LoggedEvent } from '../../event/event.ts'
import type { Json } from '../../json/value.ts'
import { CONFLICT_DETECTED, checkFrontierPayload, payloadOf } from '../payloads.ts'
import type { ConflictResolutions } from './resolution-events.ts'

/** Which finding and which difference a conflict is about. */
export interface ConflictSubject {
  readonly finding_id: string
  readonly kind: string
}

/** A conflict as an event `frontier.conflict_detected` records it. */
export interface RecordedSubject extends ConflictSubject {
  readonly peer_id: string
  readonly detail: string | undefined
}

/**
 * Returns undefined for an event of another kind, or with a malformed payload (G4).
 * @throws ReplicaError ERR_JSON
 */
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

/** Returns the subject of a choice whose form was checked (G4). */
export function subjectIn(members: ReadonlyMap<string, Json>): ConflictSubject {
  return { finding_id: members.get('finding_id') as string, kind: members.get('kind') as string }
}

/** Returns the subject of resolutions from their choice; undefined if they have only a note. */
export function subjectOf({ standing }: Pick<ConflictResolutions, 'standing'>): ConflictSubject | undefined {
  const chosen = standing.map(({ choice }) => choice).find(choice => choice instanceof Map)
  return chosen === undefined ? undefined : subjectIn(chosen)
}
