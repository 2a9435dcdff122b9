// Where the questions of a session meet the local replica: each effect that asks something becomes a call of a service, and
// its answer the input that `step` waits for. Keeps the plans of the open channels and lets go of what they have open.

import { ReplicaError } from '../base/errors.ts'
import type { SetTimer } from '../base/timer.ts'
import type { Effect, Input, PeerIdentity } from '../sync/connection.ts'
import { CursorWriter, type SaveCursor } from './cursor-writer.ts'
import type { LogTail, ReplicaPort, SendPlan, SendPlanRequest } from './replica-port.ts'

/** Answered before anything else happens in the session. */
export type StoreRequest = Extract<
  Effect,
  {
    do:
      | 'list'
      | 'registry'
      | 'view'
      | 'plan'
      | 'follow'
      | 'offers'
      | 'answer'
      | 'have'
      | 'waits'
      | 'conflicts'
      | 'remember'
  }
>

export class EffectHandler {
  readonly #services: ReplicaPort
  readonly #plans = new Map<number, SendPlan>()
  readonly #follows = new Map<number, LogTail>()
  readonly #cursors: CursorWriter
  #peer: PeerIdentity | undefined
  readonly #over = new AbortController()

  constructor(services: ReplicaPort, setAlarm?: SetTimer) {
    this.#services = services
    const write = ({ frontier, cursor, registry }: SaveCursor): Promise<void> =>
      services.remember(frontier, this.#peer!, cursor, registry)
    this.#cursors = new CursorWriter(write, setAlarm)
  }

  async ask(question: StoreRequest, peer: PeerIdentity): Promise<Input | undefined> {
    const services = this.#services
    this.#peer = peer
    switch (question.do) {
      case 'list':
        return { in: 'listed', items: await services.list(peer) }
      case 'registry': {
        const { frontier } = question
        return { in: 'offered-registry', frontier, data: await services.registry(frontier, peer) }
      }
      case 'view':
        return { in: 'viewed', ch: question.ch, view: await services.view(question.frontier, peer) }
      case 'plan':
        return { in: 'planned', ch: question.ch, exact: (await this.#plan(question)).exact }
      case 'follow': {
        const { count, digest } = await this.#follow(question, peer)
        return { in: 'followed', ch: question.ch, count, digest }
      }
      case 'offers':
        return { in: 'offers', ch: question.ch, ids: await this.#planOf(question.ch).next(question.max) }
      case 'answer':
        this.#planOf(question.ch).answer(question.has)
        return undefined
      case 'have': {
        const { ch, why, ids } = question
        return { in: 'having', ch, why, ids, ...(await services.have(question.frontier, ids)) }
      }
      case 'waits':
        return { in: 'waits', ch: question.ch, parents: await services.waits(question.frontier) }
      case 'conflicts': {
        const { ch, frontier, since } = question
        return { in: 'opened', ch, opened: await services.conflicts(frontier, since, peer) }
      }
      case 'remember':
        await this.#cursors.remember(question)
        return undefined
    }
  }

  async rows(ch: number): Promise<Input> {
    const plan = this.#follows.get(ch) ?? this.#plans.get(ch)
    if (plan === undefined) return { in: 'rows', ch, rows: [], last: true } // the channel has failed meanwhile
    const { rows, last } = await plan.rows()
    return { in: 'rows', ch, rows: rows.map(({ digest, bytes }) => ({ digest, bytes })), last }
  }

  async fetch({ ch, frontier, ids }: Extract<Effect, { do: 'fetch' }>): Promise<Input> {
    return { in: 'fetched', ch, ...(await this.#services.fetch(frontier, ids)) }
  }

  async admit(effect: Extract<Effect, { do: 'admit' }>, peer: PeerIdentity): Promise<Input & { in: 'admitted' }> {
    const { ch, frontier, nodes, bytes } = effect
    const result = await this.#services.admit(frontier, nodes, peer)
    return { in: 'admitted', ch, nodes: nodes.length, bytes, result }
  }

  /** The channel is over. */
  drop(ch: number): void {
    this.#dropPlan(ch)
    this.#cursors.flush(ch)
  }

  #dropPlan(ch: number): void {
    this.#plans.delete(ch)
    this.#follows.delete(ch)
  }

  /** The session is over: what is being searched for is not wanted any more. */
  leave(): void {
    this.#over.abort()
    this.#plans.clear()
    this.#follows.clear()
    this.#cursors.flush()
  }

  /** Cursors that were to be kept are; only after `leave`. */
  left(): Promise<void> {
    return this.#cursors.written()
  }

  async #plan(request: SendPlanRequest): Promise<SendPlan> {
    const plan = await this.#services.plan(request, this.#over.signal)
    if (!this.#over.signal.aborted) this.#plans.set(request.ch, plan)
    return plan
  }

  async #follow({ ch, frontier, from }: Extract<Effect, { do: 'follow' }>, peer: PeerIdentity): Promise<LogTail> {
    const follow = await this.#services.follow(frontier, from, peer)
    this.#dropPlan(ch)
    if (!this.#over.signal.aborted) this.#follows.set(ch, follow)
    return follow
  }

  #planOf(ch: number): SendPlan {
    const plan = this.#plans.get(ch)
    if (plan === undefined) throw new ReplicaError('ERR_ABORTED', 'the channel has ended')
    return plan
  }
}
