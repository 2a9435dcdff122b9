// Settling conflicts (protocol/resolution.md): a person chooses what is to stand, first as a proposal that is kept here, then, accepted and
// signed, as an event of the log that goes to peers. Nothing in here decides anything: it looks up what a choice means, and has
// the reviewer, the key and the state of the conflict checked before anything is written.

import { hasCode, ReplicaError } from '../base/errors.ts'
import { SETTLE_LIMITS } from '../base/limits.ts'
import { excerpt } from '../base/text.ts'
import { checkEvent } from '../event/event.ts'
import type { Signer } from '../event/signing.ts'
import { parseJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { type AppendReport, appendEvent } from '../replica/append.ts'
import { rowsByReference } from '../replica/log-reader.ts'
import { nodeView } from '../replica/node-view.ts'
import { contextOf, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { CONFLICT_DETECTED } from '../vela/payloads.ts'
import { actorsOf, COMPUTED_ID, checkReviewer, checkReviewerKey } from '../vela/resolution/authority.ts'
import { fieldOf, presenceOf } from '../vela/resolution/field-values.ts'
import { type Proposal, readProposal } from '../vela/resolution/proposal.ts'
import type { ConflictSubject } from '../vela/resolution/recorded-conflict.ts'
import {
  acceptResolution,
  checkKnown,
  checkOpen,
  proposeResolution,
  type ResolutionContext,
} from '../vela/resolution/resolution.ts'
import type { ResolutionView } from '../vela/resolution/resolution-events.ts'
import {
  type ComputedConflict,
  currentWriters,
  settledConflict,
  writersOfEvent,
} from '../vela/state/field-conflicts.ts'
import type { Sides } from './compare-peer.ts'
import { FrontierProjection } from './frontier-projection.ts'
import { Proposals } from './proposal-store.ts'

/** What is to stand: what one side had, what an event set, or a value, as JSON text. */
export type Choice = { readonly side: 'ours' | 'theirs' } | { readonly event: string } | { readonly value: string }

export interface ResolveDraft {
  /** The id of a recorded conflict's event, or of a computed conflict. */
  readonly conflict: string
  /** Only a conflict that is about no field is settled without one. */
  readonly choice?: Choice
  readonly reason: string
  /** A person's id, `reviewer:ada`. */
  readonly reviewer: string
  /** The reviewer's own key, when it is at hand: it has to be the registered one. */
  readonly key?: Signer
}

export interface AcceptedReport extends AppendReport {
  readonly proposal: Proposal
  readonly conflict: string
  /** `before`: this proposal had become this event already. */
  readonly applied: 'now' | 'before'
}

export class ConflictResolver {
  readonly #context: ReplicaContext
  readonly #name: string
  readonly #projection: FrontierProjection
  readonly #proposals: Proposals

  /** @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN */
  constructor(replica: Replica, frontier: string) {
    this.#context = contextOf(replica)
    this.#projection = FrontierProjection.of(this.#context, frontier)
    this.#name = frontier
    this.#proposals = new Proposals(this.#context.store.records, frontier)
  }

  /**
   * Proposes to settle a conflict, and keeps the proposal. The same again is the same proposal.
   * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR, ERR_CONFLICT_UNKNOWN, ERR_CONFLICT_SETTLED, ERR_PROPOSAL, ERR_EVENT_TARGET, ERR_JSON
   */
  async propose(draft: ResolveDraft): Promise<Proposal> {
    const { reason, reviewer, key } = draft
    const created_at = this.#context.now()
    const sources = await resolutionContext(this.#context, this.#projection)
    if (key === undefined) checkReviewer(reviewer)
    else checkReviewerKey({ id: reviewer, signer: key, at: created_at }, actorsOf(sources.authorities))
    const computed = await this.#computed(draft.conflict, sources)
    const conflict = underlying(draft.conflict, computed, sources)
    const subject = checkKnown(conflict, sources)
    const choice = await this.#choose(conflict, { subject, computed, draft }).catch((error: unknown) => {
      // What can't be chosen of a conflict that is settled is a matter of its being settled.
      if (hasCode(error, 'ERR_PROPOSAL', 'ERR_EVENT_TARGET')) checkOpen(conflict, sources)
      throw error
    })
    const proposal = proposeResolution(
      {
        frontier: this.#name,
        conflict,
        actor: { id: reviewer },
        note: reason,
        created_at,
        ...(choice === undefined ? {} : { choice }),
      },
      sources,
    )
    return this.#proposals.add(proposal)
  }

  /** Keeps a proposal that was made elsewhere; who made it doesn't matter before it is accepted. @throws ReplicaError ERR_JSON, ERR_PROPOSAL */
  add(text: string | Uint8Array): Promise<Proposal> {
    const proposal = readProposal(text)
    const { type, id } = proposal.target
    if (type !== 'frontier_observation' || id !== this.#name)
      throw new ReplicaError('ERR_PROPOSAL', `the proposal is for ${excerpt(id)}, not for ${this.#name}`)
    return this.#proposals.add({ ...proposal, status: 'pending_review' })
  }

  /**
   * Makes a proposal a signed event of the log. Accepted again it gives the event that is there.
   * @throws ReplicaError ERR_NOT_FOUND, ERR_REVIEWER, ERR_PROPOSAL, ERR_CONFLICT_UNKNOWN, ERR_CONFLICT_SETTLED
   */
  accept(
    proposal: string,
    by: { readonly reviewer: string; readonly key: Signer; readonly reason?: string },
  ): Promise<AcceptedReport> {
    return this.#projection.acceptances.run(() => this.#accept(proposal, by))
  }

  async #accept(id: string, by: { reviewer: string; key: Signer; reason?: string }): Promise<AcceptedReport> {
    const proposal = await this.#proposals.get(id)
    const sources = await resolutionContext(this.#context, this.#projection)
    const acceptance = {
      frontier: this.#name,
      reviewer: by.reviewer,
      signer: by.key,
      at: this.#context.now(),
      ...(by.reason === undefined ? {} : { decision_reason: by.reason }),
    }
    const accepted = acceptResolution(proposal, acceptance, sources)
    const made = await appendEvent(this.#context, this.#name, accepted.event.text)
    await this.#proposals.update(accepted.proposal)
    const conflict = (proposal.payload as Map<string, Json>).get('conflict_event_id') as string
    return { ...made, proposal: accepted.proposal, conflict, applied: accepted.applied }
  }

  /** Kept proposals by id. */
  proposals(): Promise<Proposal[]> {
    return this.#proposals.list()
  }

  /** @throws ReplicaError ERR_NOT_FOUND */
  proposal(id: string): Promise<Proposal> {
    return this.#proposals.get(id)
  }

  /** Forgets a proposal; an event that came of it stays. @throws ReplicaError ERR_NOT_FOUND */
  async drop(id: string): Promise<Proposal> {
    const proposal = await this.#proposals.get(id)
    await this.#proposals.drop(id)
    return proposal
  }

  /** Which resolutions stand, and which conflicts they contest. */
  async resolutions(): Promise<ResolutionView> {
    return (await resolutionContext(this.#context, this.#projection)).resolutions
  }

  /** The computed conflict of this id, also where a resolution has settled it; undefined for a recorded one. */
  async #computed(id: string, { computed }: ResolutionSources): Promise<ComputedConflict | undefined> {
    const found = computed.find(one => one.id === id)
    if (found !== undefined || !id.startsWith(COMPUTED_ID)) return found
    return this.#projection.read(view => settledConflict(view, id))
  }

  /** As a value, however it was said: what an event set means the same in every replay, and at a peer that lacks the event. */
  async #choose(conflict: string, from: Chosen): Promise<{ value: Json } | undefined> {
    const { subject, computed, draft } = from
    const { choice } = draft
    if (choice === undefined) {
      if (subject === undefined || fieldOf(subject.kind) === undefined) return undefined
      const { kind } = subject
      throw new ReplicaError(
        'ERR_PROPOSAL',
        `a conflict of kind ${excerpt(kind)} needs a choice: --ours, --theirs, --pick or --value`,
      )
    }
    if ('value' in choice) return { value: chosenValue(choice.value) }
    if ('event' in choice) return { value: await this.#valueSetBy(choice.event, subject) }
    if (computed === undefined) return { value: await this.#recordedValue(conflict, choice.side, subject) }
    return { value: await this.#sideOf(computed, choice.side) }
  }

  /** Of two events set apart, the one that this replica's own hub made, or the other. @throws ReplicaError ERR_PROPOSAL */
  async #sideOf({ events, values }: ComputedConflict, side: 'ours' | 'theirs'): Promise<Json> {
    const own = await Promise.all(events.map(event => this.#isOwn(event)))
    if (own[0] === own[1]) {
      const who = own[0] ? 'this hub made both events' : 'this hub made neither event'
      throw new ReplicaError('ERR_PROPOSAL', `${who}: pick one of the events`, { facts: { events: [...events] } })
    }
    return values[own[0] === (side === 'ours') ? 0 : 1]
  }

  async #isOwn(event: string): Promise<boolean> {
    const { log, registry } = this.#context.frontier(this.#name)
    const rows = await rowsByReference(log, event)
    return rows.some(row => registry.ownKeys.includes(nodeView(row).key))
  }

  /** @throws ReplicaError ERR_PROPOSAL */
  async #recordedValue(conflict: string, side: 'ours' | 'theirs', subject: Chosen['subject']): Promise<Json> {
    const presence = subject && presenceOf(subject.kind, side)
    if (presence !== undefined) return presence
    const sides = await recordedSides(this.#context, this.#name, conflict)
    if (sides === undefined)
      throw new ReplicaError(
        'ERR_PROPOSAL',
        'the values of the two sides are not recorded here: choose a value or an event',
      )
    return chosenValue(sides[side])
  }

  /** What an event set that stands for the field, or did before a resolution. @throws ReplicaError ERR_EVENT_TARGET, ERR_PROPOSAL */
  async #valueSetBy(event: string, subject: Chosen['subject']): Promise<Json> {
    const field = subject && fieldOf(subject.kind)
    if (subject === undefined || field === undefined)
      throw new ReplicaError('ERR_PROPOSAL', 'no event sets the field of this conflict: choose a value')
    const of = { finding_id: subject.finding_id, field }
    const { found, standing } = await this.#projection.read(view => ({
      found: writersOfEvent(view, of, event),
      standing: currentWriters(view, of),
    }))
    const [setter] = found
    if (setter !== undefined) return setter.value
    const facts = { events: standing.map(one => one.event) }
    throw new ReplicaError('ERR_EVENT_TARGET', `${excerpt(event)} is not a current value of ${field}`, { facts })
  }
}

/** What a choice is made of. */
interface Chosen {
  /** Undefined where nothing here says it. */
  readonly subject: ConflictSubject | undefined
  /** Undefined for a conflict that is recorded. */
  readonly computed: ComputedConflict | undefined
  readonly draft: ResolveDraft
}

/** @throws ReplicaError ERR_JSON, ERR_PROPOSAL */
function chosenValue(text: string): Json {
  if (text.length > SETTLE_LIMITS.proposalBytesMax)
    throw new ReplicaError('ERR_PROPOSAL', 'the value exceeds the size limit of a proposal')
  return parseJson(text, { numbers: 'exact' })
}

/** A conflict between resolutions made apart is settled as the one that they contest, or have contested. */
function underlying(id: string, computed: ComputedConflict | undefined, { resolutions }: ResolutionSources): string {
  if (computed === undefined) return id
  const about = resolutions.conflicts.find(({ standing, superseded }) => {
    const made = [...standing, ...superseded].map(({ event }) => event)
    return computed.events.every(event => made.includes(event))
  })
  return about?.conflict ?? id
}

/** Its events are those that record conflicts or resolve them, of the log and of the journal. */
export interface ResolutionSources extends ResolutionContext {
  readonly computed: readonly ComputedConflict[]
  readonly resolutions: ResolutionView
}

export async function resolutionContext(
  context: ReplicaContext,
  projection: FrontierProjection,
): Promise<ResolutionSources> {
  const { events: logged, resolutions } = await projection.settled()
  const events = [...logged]
  for await (const event of context.journal.events(projection.frontier))
    if (event.head.kind === CONFLICT_DETECTED) events.push(event)
  const authorities = await projection.read(now => now.authorities)
  return { events, computed: await projection.conflicts(), authorities, resolutions }
}

const PAGE = 256

/** What both sides had when the journal recorded this conflict; undefined where it doesn't say. */
export async function recordedSides(
  context: ReplicaContext,
  frontier: string,
  conflict: string,
): Promise<Sides | undefined> {
  let after: number | undefined
  for (;;) {
    const page = await context.journal.list(frontier, { ...(after === undefined ? {} : { after }), limit: PAGE })
    for (const { kind, event, facts } of page) {
      if (kind !== CONFLICT_DETECTED || event === undefined || checkEvent(event).id !== conflict) continue
      const { ours, theirs } = facts
      return typeof ours === 'string' && typeof theirs === 'string' ? { ours, theirs } : undefined
    }
    after = page.at(-1)?.number
    if (after === undefined) return undefined
  }
}
