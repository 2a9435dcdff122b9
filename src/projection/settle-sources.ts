// What settling a conflict has to know: the federation events of the log and of the journal, the conflicts that replay computes, and what
// both sides of a recorded conflict have.

import { checkEvent } from '../event/event.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { CONFLICT_DETECTED } from '../vela/payloads.ts'
import type { ResolutionContext } from '../vela/resolution/resolution.ts'
import type { ResolutionView } from '../vela/resolution/resolution-events.ts'
import type { ComputedConflict } from '../vela/state/field-conflicts.ts'
import type { Sides } from './compare-sides.ts'
import type { FrontierProjection } from './frontier-projection.ts'

/** Its events are those that record conflicts or resolve them, of the log and of the journal. */
export interface ResolutionSources extends ResolutionContext {
  readonly computed: readonly ComputedConflict[]
  readonly resolutions: ResolutionView
}

export async function resolutionContext(
  home: ReplicaContext,
  projection: FrontierProjection,
): Promise<ResolutionSources> {
  const { events: logged, resolutions } = await projection.settled()
  const events = [...logged]
  for await (const event of home.journal.events(projection.frontier))
    if (event.head.kind === CONFLICT_DETECTED) events.push(event)
  const authorities = await projection.read(now => now.authorities)
  return { events, computed: await projection.conflicts(), authorities, resolutions }
}

const PAGE = 256

/** What both sides had when the journal recorded this conflict; undefined where it doesn't say. */
export async function recordedSides(
  home: ReplicaContext,
  frontier: string,
  conflict: string,
): Promise<Sides | undefined> {
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
