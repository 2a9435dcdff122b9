// Settling conflicts (protocol/resolution.md): a person chooses what is to stand, first as a proposal that is kept here, then, accepted and
// signed, as an event of the log that goes to peers. Nothing in here decides anything: it looks up what a choice means, and has
// the reviewer, the key and the state of the conflict checked before anything is written.

import { ReplicaError } from '../errors.ts'
import { SETTLE_LIMITS } from '../limits.ts'
import { fieldOf } from '../vela/choice.ts'
import { actorsOf } from '../vela/decider.ts'
import { excerpt } from '../vela/event-record.ts'
import { parseJson } from '../vela/json.ts'
import { type Proposal, readProposal } from '../vela/proposal.ts'
import type { ComputedConflict } from '../vela/replay/conflicts.ts'
import { acceptResolution, checkKnown, proposeResolution } from '../vela/resolution.ts'
import type { ResolutionView } from '../vela/resolution-view.ts'
import { checkReviewer, checkReviewerKey } from '../vela/reviewer.ts'
import type { Signer } from '../vela/signing.ts'
import type { Json } from '../vela/value.ts'
import { type AppendReport, appendEvent } from './append.ts'
import type { Frontier } from './frontier.ts'
import type { Home } from './home.ts'
import { Proposals } from './proposals.ts'
import { rowsNamed } from './read.ts'
import { recordedSides, type SettleSources, settleSources } from './settle-sources.ts'
import { nodeView } from './view.ts'

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

/** Acceptances of a frontier take turns: of two at once, the second sees what the first made. */
const turns = new WeakMap<Frontier, Promise<unknown>>()

export class Settling {
  readonly #home: Home
  readonly #name: string
  readonly #proposals: Proposals

  /** @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN */
  constructor(home: Home, frontier: string) {
    this.#home = home
    this.#name = home.at(frontier).log.name
    this.#proposals = new Proposals(home.store.records, this.#name)
  }

  /**
   * Proposes to settle a conflict, and keeps the proposal. The same again is the same proposal.
   * @throws ReplicaError ERR_REVIEWER, ERR_ACTOR, ERR_CONFLICT_UNKNOWN, ERR_CONFLICT_SETTLED, ERR_PROPOSAL, ERR_EVENT_TARGET, ERR_JSON
   */
  async propose(draft: ResolveDraft): Promise<Proposal> {
    const { reason, reviewer, key } = draft
    const created_at = this.#home.now()
    const sources = await settleSources(this.#home, this.#name)
    if (key === undefined) checkReviewer(reviewer)
    else checkReviewerKey({ id: reviewer, signer: key, at: created_at }, actorsOf(sources.deciders))
    const conflict = contestedOf(draft.conflict, sources)
    const about = checkKnown(conflict, sources)
    const choice = await this.#choose(conflict, { kind: about?.kind, draft, sources })
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
      throw new ReplicaError('ERR_PROPOSAL', `the proposal is about ${excerpt(id)} and not about ${this.#name}`)
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
    const frontier = this.#home.at(this.#name)
    const run = (turns.get(frontier) ?? Promise.resolve()).then(() => this.#accept(proposal, by))
    turns.set(
      frontier,
      run.catch(() => {}),
    )
    return run
  }

  async #accept(id: string, by: { reviewer: string; key: Signer; reason?: string }): Promise<AcceptedReport> {
    const proposal = await this.#proposals.get(id)
    const sources = await settleSources(this.#home, this.#name)
    const acceptance = {
      frontier: this.#name,
      reviewer: by.reviewer,
      signer: by.key,
      at: this.#home.now(),
      ...(by.reason === undefined ? {} : { decision_reason: by.reason }),
    }
    const accepted = acceptResolution(proposal, acceptance, sources)
    const made = await appendEvent(this.#home, this.#name, accepted.event.text)
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
    return (await settleSources(this.#home, this.#name)).resolutions
  }

  /** As a value, however it was said: what an event set means the same in every replay, and at a peer that lacks the event. */
  async #choose(
    conflict: string,
    from: { kind: string | undefined; draft: ResolveDraft; sources: SettleSources },
  ): Promise<{ value: Json } | undefined> {
    const { kind = '', draft, sources } = from
    const { choice } = draft
    if (choice === undefined) {
      if (fieldOf(kind) === undefined) return undefined
      throw new ReplicaError('ERR_PROPOSAL', `a conflict of kind ${excerpt(kind)} is settled by choosing what stands`)
    }
    if ('value' in choice) return { value: chosenValue(choice.value) }
    if ('event' in choice) return { value: await this.#standingValue(choice.event, { conflict, kind, sources }) }
    const computed = sources.computed.find(({ id }) => id === conflict)
    if (computed === undefined) return { value: await this.#recordedValue(conflict, choice.side) }
    return { value: await this.#sideOf(computed, choice.side) }
  }

  /** Of two events set apart, the one that this replica's own hub made, or the other. @throws ReplicaError ERR_PROPOSAL */
  async #sideOf({ events, values }: ComputedConflict, side: 'ours' | 'theirs'): Promise<Json> {
    const own = await Promise.all(events.map(event => this.#isOwn(event)))
    if (own[0] === own[1]) {
      const who = own[0] ? 'both sides are this hub’s own' : 'neither side is this hub’s own'
      throw new ReplicaError('ERR_PROPOSAL', `${who}: pick one of the events`, { facts: { events: [...events] } })
    }
    return values[own[0] === (side === 'ours') ? 0 : 1]
  }

  async #isOwn(event: string): Promise<boolean> {
    const { log, registry } = this.#home.at(this.#name)
    const rows = await rowsNamed(log, event)
    return rows.some(row => registry.ownKeys.includes(nodeView(row).key))
  }

  /** @throws ReplicaError ERR_PROPOSAL */
  async #recordedValue(conflict: string, side: 'ours' | 'theirs'): Promise<Json> {
    const sides = await recordedSides(this.#home, this.#name, conflict)
    if (sides === undefined)
      throw new ReplicaError('ERR_PROPOSAL', 'what each side had is not recorded here: choose a value or an event')
    return chosenValue(sides[side])
  }

  /** What an event set that stands for the field. @throws ReplicaError ERR_EVENT_TARGET, ERR_PROPOSAL */
  async #standingValue(event: string, from: { conflict: string; kind: string; sources: SettleSources }): Promise<Json> {
    const field = fieldOf(from.kind)
    const about = checkKnown(from.conflict, from.sources)
    if (field === undefined || about === undefined)
      throw new ReplicaError('ERR_PROPOSAL', `no event sets what a conflict of kind ${excerpt(from.kind)} is about`)
    const { view } = this.#home.at(this.#name)
    const setters = await view.read(({ standing }) => standing.get(about.finding_id)?.[field]?.setters ?? [])
    const setter = setters.find(one => one.event === event)
    if (setter !== undefined) return setter.value
    const facts = { events: setters.map(one => one.event) }
    throw new ReplicaError('ERR_EVENT_TARGET', `${excerpt(event)} does not stand for the ${field}`, { facts })
  }
}

/** @throws ReplicaError ERR_JSON, ERR_PROPOSAL */
function chosenValue(text: string): Json {
  if (text.length > SETTLE_LIMITS.proposalBytesMax)
    throw new ReplicaError('ERR_PROPOSAL', 'the value is longer than a proposal may be')
  return parseJson(text, { numbers: 'exact' })
}

/** A conflict between resolutions made apart is settled as the one that they contest. */
function contestedOf(conflict: string, { computed, resolutions }: SettleSources): string {
  const found = computed.find(({ id }) => id === conflict)
  if (found === undefined) return conflict
  const contested = resolutions.conflicts.find(
    ({ state, standing }) =>
      state === 'contested' && found.events.every(event => standing.some(resolution => resolution.event === event)),
  )
  return contested?.conflict ?? conflict
}
