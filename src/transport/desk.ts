// Where the questions of a session meet the local replica: each effect that asks something becomes a call of a service, and
// its answer the input that `step` waits for. Keeps the plans of the open channels and lets go of what they have open.

import { ReplicaError } from '../errors.ts'
import type { Effect, Input, PeerIdentity } from '../sync/state.ts'
import type { Plan, PlanRequest, Services } from './services.ts'

/** Answered before anything else happens in the session. */
export type Question = Extract<
  Effect,
  { do: 'list' | 'registry' | 'view' | 'plan' | 'offers' | 'answer' | 'have' | 'waits' | 'remember' }
>

export class Desk {
  readonly #services: Services
  readonly #plans = new Map<number, Plan>()
  readonly #letGo = new Set<Promise<void>>()
  readonly #over = new AbortController()

  constructor(services: Services) {
    this.#services = services
  }

  async ask(question: Question, peer: PeerIdentity): Promise<Input | undefined> {
    const services = this.#services
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
      case 'remember':
        await services.remember(question.frontier, peer, question.cursor, question.registry)
        return undefined
    }
  }

  async rows(ch: number): Promise<Input> {
    const plan = this.#plans.get(ch)
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
    const plan = this.#plans.get(ch)
    this.#plans.delete(ch)
    if (plan !== undefined) this.#release(plan)
  }

  /** The session is over: what is being searched for is not wanted any more. */
  leave(): void {
    this.#over.abort()
    for (const ch of [...this.#plans.keys()]) this.drop(ch)
  }

  /** Nothing of any plan is open any more; only after `leave`. */
  async left(): Promise<void> {
    await Promise.all(this.#letGo)
  }

  async #plan(request: PlanRequest): Promise<Plan> {
    const plan = await this.#services.plan(request, this.#over.signal)
    if (this.#over.signal.aborted) this.#release(plan)
    else this.#plans.set(request.ch, plan)
    return plan
  }

  #planOf(ch: number): Plan {
    const plan = this.#plans.get(ch)
    if (plan === undefined) throw new ReplicaError('ERR_ABORTED', 'the channel is over')
    return plan
  }

  #release(plan: Plan): void {
    // Nothing more is read from it, so a failure to close it is nobody's concern.
    const released: Promise<void> = plan
      .close()
      .catch(() => {})
      .then(() => {
        this.#letGo.delete(released)
      })
    this.#letGo.add(released)
  }
}
