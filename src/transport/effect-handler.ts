// Performs the effects that need the local replica.
// An effect becomes a call of the replica port, and the result becomes the next input of `step`.
// The handler keeps the send plans of the open channels.

import { ReplicaError } from '../base/errors.ts'
import type { SetTimer } from '../base/timer.ts'
import type { Effect, Input, PeerIdentity } from '../sync/connection.ts'
import { CursorWriter, type SaveCursor } from './cursor-writer.ts'
import type { LogTail, ReplicaPort, SendPlan, SendPlanRequest } from './replica-port.ts'

/** Effects whose result the session awaits before it does anything else. */
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
      | 'texts'
      | 'conflicts'
      | 'remember'
  }
>

/** Performs the effects of one session. */
export class EffectHandler {
  readonly #port: ReplicaPort
  readonly #plans = new Map<number, SendPlan>()
  readonly #tails = new Map<number, LogTail>()
  readonly #cursors: CursorWriter
  #peer: PeerIdentity | undefined
  readonly #closed = new AbortController()

  constructor(port: ReplicaPort, setTimer?: SetTimer) {
    this.#port = port
    const write = ({ frontier, cursor, registry }: SaveCursor): Promise<void> =>
      port.remember(frontier, this.#peer!, cursor, registry)
    this.#cursors = new CursorWriter(write, setTimer)
  }

  /** Performs a request. Returns the input for `step`, if it has one. */
  async handle(request: StoreRequest, peer: PeerIdentity): Promise<Input | undefined> {
    const port = this.#port
    this.#peer = peer
    switch (request.do) {
      case 'list':
        return { in: 'listed', items: await port.list(peer) }
      case 'registry': {
        const { frontier } = request
        return { in: 'offered-registry', frontier, data: await port.registry(frontier, peer) }
      }
      case 'view':
        return { in: 'viewed', ch: request.ch, view: await port.view(request.frontier, peer) }
      case 'plan':
        return { in: 'planned', ch: request.ch, exact: (await this.#plan(request, peer)).exact }
      case 'follow': {
        const { count, digest, trace } = await this.#follow(request, peer)
        return { in: 'followed', ch: request.ch, count, digest, ...(trace === undefined ? {} : { trace }) }
      }
      case 'offers':
        return { in: 'offers', ch: request.ch, ids: await this.#planOf(request.ch).next(request.max) }
      case 'answer':
        this.#planOf(request.ch).answer(request.has)
        return undefined
      case 'have': {
        const { ch, why, ids } = request
        return { in: 'having', ch, why, ids, ...(await port.have(request.frontier, ids)) }
      }
      case 'waits':
        return { in: 'waits', ch: request.ch, parents: await port.waits(request.frontier) }
      case 'texts':
        return { in: 'texts', ch: request.ch, ...(await port.texts(request.frontier, peer)) }
      case 'conflicts': {
        const { ch, frontier, since } = request
        return { in: 'opened', ch, opened: await port.conflicts(frontier, since, peer) }
      }
      case 'remember':
        await this.#cursors.remember(request)
        return undefined
    }
  }

  /** Reads the next nodes of a channel's send plan or log tail. */
  async rows({ ch, texts }: Extract<Effect, { do: 'rows' }>): Promise<Input> {
    const plan = this.#tails.get(ch) ?? this.#plans.get(ch)
    // The channel has failed in the meantime.
    if (plan === undefined) return { in: 'rows', ch, rows: [], last: true }
    const { rows, last } = await plan.rows({ texts: texts ?? 'all' })
    return { in: 'rows', ch, rows: rows.map(({ digest, bytes }) => ({ digest, bytes })), last }
  }

  /** Reads nodes by digest. */
  async fetch({ ch, frontier, ids, texts }: Extract<Effect, { do: 'fetch' }>): Promise<Input> {
    return { in: 'fetched', ch, ...(await this.#port.fetch(frontier, ids, texts ? { texts } : {})) }
  }

  /** Hands blocks to the gate. */
  async admit(effect: Extract<Effect, { do: 'admit' }>, peer: PeerIdentity): Promise<Input & { in: 'admitted' }> {
    const { ch, frontier, nodes, bytes } = effect
    const result = await this.#port.admit(frontier, nodes, peer)
    return { in: 'admitted', ch, nodes: nodes.length, bytes, result }
  }

  /** Ends a channel. */
  drop(ch: number): void {
    this.#dropPlan(ch)
    this.#cursors.flush(ch)
  }

  #dropPlan(ch: number): void {
    this.#plans.delete(ch)
    this.#tails.delete(ch)
  }

  /** Ends the session: aborts running searches and starts to write pending cursors. */
  leave(): void {
    this.#closed.abort()
    this.#plans.clear()
    this.#tails.clear()
    this.#cursors.flush()
  }

  /** Waits until pending cursors are written. Call it after `leave`. */
  flushed(): Promise<void> {
    return this.#cursors.written()
  }

  async #plan(request: SendPlanRequest, peer: PeerIdentity): Promise<SendPlan> {
    const plan = await this.#port.plan(request, { peer, signal: this.#closed.signal })
    if (!this.#closed.signal.aborted) this.#plans.set(request.ch, plan)
    return plan
  }

  async #follow({ ch, frontier, from }: Extract<Effect, { do: 'follow' }>, peer: PeerIdentity): Promise<LogTail> {
    const follow = await this.#port.follow(frontier, from, peer)
    this.#dropPlan(ch)
    if (!this.#closed.signal.aborted) this.#tails.set(ch, follow)
    return follow
  }

  #planOf(ch: number): SendPlan {
    const plan = this.#plans.get(ch)
    if (plan === undefined) throw new ReplicaError('ERR_ABORTED', 'the channel has ended')
    return plan
  }
}
