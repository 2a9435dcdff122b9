// Resolves conflicts: a person's choice becomes a stored proposal, and an accepted, signed proposal
// an event of the log. Looks up the meaning of a choice, and checks reviewer, key and state of the
// conflict before it writes. Spec: protocol/resolution.md.

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
import { ProposalStore } from './proposal-store.ts'

/** The chosen value: that of one side, that of an event, or a value as JSON text. */
export type Choice = { readonly side: 'ours' | 'theirs' } | { readonly event: string } | { readonly value: string }

/** A proposed resolution. */
export interface ResolveDraft {
  /** Id of the event that recorded the conflict, or of a computed conflict. */
  readonly conflict: string
  /** Required unless the conflict concerns no field. */
  readonly choice?: Choice
  readonly reason: string
  /** Id of the person, such as `reviewer:ada`. */
  readonly reviewer: string
  /** The reviewer's key, if available. It must be the registered one. */
  readonly key?: Signer
}

/** The event of an accepted proposal. */
export interface AcceptedReport extends AppendReport {
  readonly proposal: Proposal
  readonly conflict: string
  /** `before`: the proposal was accepted earlier, and became this event. */
  readonly applied: 'now' | 'before'
}

/**
 * Proposals and resolutions of one frontier.
 *
 * @example
 * const resolver = new ConflictResolver(replica, frontier)
 * const reviewer = 'reviewer:ada'
 * const choice = { side: 'ours' } as const
 * const { id } = await resolver.propose({ conflict, choice, reason: 'larger cohort', reviewer })
 * await resolver.accept(id, { reviewer, key: await Key.load('ada.key') })
 */
export class ConflictResolver {
  readonly #context: ReplicaContext
  readonly #name: string
  readonly #projection: FrontierProjection
  readonly #proposals: ProposalStore

  /** @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN */
  constructor(replica: Replica, frontier: string) {
    this.#context = contextOf(replica)
    this.#projection = FrontierProjection.of(this.#context, frontier)
    this.#name = frontier
    this.#proposals = new ProposalStore(this.#context.store.records, frontier)
  }

  /**
   * Stores a proposal to settle a conflict. An equal proposal is the same one.
   * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR, ERR_CONFLICT_UNKNOWN, ERR_CONFLICT_SETTLED,
   * ERR_PROPOSAL, ERR_EVENT_TARGET, ERR_JSON
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
      // For a settled conflict, report that instead of an impossible choice.
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

  /**
   * Stores a proposal made elsewhere. Its author is checked on acceptance.
   * @throws ReplicaError ERR_JSON, ERR_PROPOSAL
   */
  add(text: string | Uint8Array): Promise<Proposal> {
    const proposal = readProposal(text)
    const { type, id } = proposal.target
    if (type !== 'frontier_observation' || id !== this.#name)
      throw new ReplicaError('ERR_PROPOSAL', `the proposal is for ${excerpt(id)}, not for ${this.#name}`)
    return this.#proposals.add({ ...proposal, status: 'pending_review' })
  }

  /**
   * Makes a proposal a signed event of the log. A second call returns the existing event.
   * @throws ReplicaError ERR_NOT_FOUND, ERR_REVIEWER, ERR_PROPOSAL, ERR_CONFLICT_UNKNOWN,
   * ERR_CONFLICT_SETTLED
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
    const made = await appendEvent(this.#context, { frontier: this.#name, event: accepted.event.text })
    await this.#proposals.update(accepted.proposal)
    const conflict = (proposal.payload as Map<string, Json>).get('conflict_event_id') as string
    return { ...made, proposal: accepted.proposal, conflict, applied: accepted.applied }
  }

  /** Returns the stored proposals by id. */
  proposals(): Promise<Proposal[]> {
    return this.#proposals.list()
  }

  /**
   * Returns one proposal.
   * @throws ReplicaError ERR_NOT_FOUND
   */
  proposal(id: string): Promise<Proposal> {
    return this.#proposals.get(id)
  }

  /**
   * Removes a proposal. Its event, if any, stays.
   * @throws ReplicaError ERR_NOT_FOUND
   */
  async drop(id: string): Promise<Proposal> {
    const proposal = await this.#proposals.get(id)
    await this.#proposals.drop(id)
    return proposal
  }

  /** Returns the resolutions in effect and the conflicts that they contest. */
  async resolutions(): Promise<ResolutionView> {
    return (await resolutionContext(this.#context, this.#projection)).resolutions
  }

  /** Returns the computed conflict of this id, also a settled one; undefined for a recorded one. */
  async #computed(id: string, { computed }: ResolutionSources): Promise<ComputedConflict | undefined> {
    const found = computed.find(one => one.id === id)
    if (found !== undefined || !id.startsWith(COMPUTED_ID)) return found
    return this.#projection.read(view => settledConflict(view, id))
  }

  /**
   * Returns the choice as a value, which means the same in every replay and at a peer that lacks
   * the event.
   */
  async #choose(conflict: string, from: ChoiceContext): Promise<{ value: Json } | undefined> {
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

  /**
   * Returns the value of the event that this hub made, or of the other.
   * @throws ReplicaError ERR_PROPOSAL
   */
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

  /**
   * Returns the recorded value of one side.
   * @throws ReplicaError ERR_PROPOSAL
   */
  async #recordedValue(conflict: string, side: 'ours' | 'theirs', subject: ChoiceContext['subject']): Promise<Json> {
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

  /**
   * Returns the value that an event set, which is in effect or was before a resolution.
   * @throws ReplicaError ERR_EVENT_TARGET, ERR_PROPOSAL
   */
  async #valueSetBy(event: string, subject: ChoiceContext['subject']): Promise<Json> {
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

/** Context of a choice. */
interface ChoiceContext {
  /** Undefined if nothing here states it. */
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

/** A conflict between concurrent resolutions is settled as the conflict that they contest. */
function underlying(id: string, computed: ComputedConflict | undefined, { resolutions }: ResolutionSources): string {
  if (computed === undefined) return id
  const about = resolutions.conflicts.find(({ standing, superseded }) => {
    const made = [...standing, ...superseded].map(({ event }) => event)
    return computed.events.every(event => made.includes(event))
  })
  return about?.conflict ?? id
}

/** Its events record or resolve conflicts, in the log and in the journal. */
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

/**
 * Returns the values of both sides when the journal recorded the conflict; undefined if it does not
 * state them.
 */
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
