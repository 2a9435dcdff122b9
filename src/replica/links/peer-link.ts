// Keeps a connection to a peer: dials, reconnects with backoff, and carries each subscribed
// frontier on a channel of its own (channel-loop.ts). One loop dials, so two attempts never run at
// once. Spec: protocol/live.md, L2 to L8.

import type { LiveMode } from '../../admission/peer.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { LINK_LIMITS } from '../../base/limits.ts'
import { Signal } from '../../base/signal.ts'
import type { LiveRound, ReplicaPort, Session } from '../../transport/session.ts'
import type { Frontier } from '../frontier.ts'
import type { ReplicaContext } from '../replica-context.ts'
import type { LinkPhase, PeerSyncHandle } from '../sync/peer-sync-tracker.ts'
import { hubKey, withSession } from '../sync/sync-client.ts'
import { type NetworkHooks, reconnectDelayMs } from './backoff.ts'
import { LinkChannel } from './channel-loop.ts'

export interface LinkHooks {
  /** Called after each reported round. Must not throw. */
  readonly onRound?: (frontier: string, round: LiveRound) => void
  /** Called when the phase of a frontier's channel has changed and is recorded. Must not throw. */
  readonly onPhase?: (frontier: string, phase: LinkPhase, syncState: PeerSyncHandle) => void
}

/** A frontier to carry, and the peer's name there. */
export interface Subscription {
  readonly frontier: string
  readonly peer: string
  readonly mode: LiveMode
}

interface Carried {
  wanted: Subscription
  readonly syncState: PeerSyncHandle
  readonly unsubscribe: () => void
  channel?: LinkChannel
}

export interface PeerLinkParts {
  readonly context: ReplicaContext
  readonly port: ReplicaPort
  readonly url: string
  /** 64 hex digits. */
  readonly key: string
  readonly network: NetworkHooks
  /** Whether a hub keeps the link and `status` shows its phase. */
  readonly isSupervised: boolean
  readonly hooks?: LinkHooks
}

export class PeerLink {
  readonly #parts: PeerLinkParts
  readonly #carried = new Map<string, Carried>()
  /** Aborts the present connection. */
  #cut = new AbortController()
  #running: Promise<void> | undefined
  #session: Session | undefined
  #refusal: ReplicaError | undefined
  #stopping: Promise<void> | undefined
  #failures = 0
  #isTold = false
  readonly #wake = new Signal()

  constructor(parts: PeerLinkParts) {
    this.#parts = parts
  }

  /**
   * Sets the frontiers that the link carries. The first call dials. Calls run one after another.
   */
  async setSubscriptions(list: readonly Subscription[]): Promise<void> {
    const names = new Set(list.map(({ frontier }) => frontier))
    for (const [name, carried] of [...this.#carried]) if (!names.has(name)) await this.#drop(name, carried)
    for (const wanted of list) await this.#carry(wanted)
    if (this.#stopping === undefined) this.#running ??= this.#run()
  }

  /** Retries at once: dials if the link waits, reopens refused channels, and resets the backoff. */
  retry(): void {
    this.#failures = 0
    this.#wake.notify()
    for (const { channel } of this.#carried.values()) channel?.retry()
  }

  /** Ends the present connection, which may be lost without a sign, and dials again. */
  reconnect(): void {
    this.#cut.abort()
    this.retry()
  }

  /** Ends all channels gracefully, within a bounded time, and then the connection. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #carry(wanted: Subscription): Promise<void> {
    const { frontier: name, mode } = wanted
    const carried = this.#carried.get(name)
    if (carried !== undefined) {
      carried.wanted = wanted
      carried.channel?.turn(mode)
      return
    }
    const { context, key } = this.#parts
    const frontier: Frontier = context.frontier(name)
    const syncState = await context.peerSync.of(frontier, key)
    if (this.#stopping !== undefined) return
    const unsubscribe = frontier.onCommit(() => syncState.grown())
    const added: Carried = { wanted, syncState, unsubscribe }
    this.#carried.set(name, added)
    if (this.#session !== undefined) this.#openOn(this.#session, added)
  }

  async #drop(name: string, carried: Carried): Promise<void> {
    this.#carried.delete(name)
    carried.unsubscribe()
    if (this.#parts.isSupervised) carried.syncState.link = undefined
    await this.#bounded(carried.channel?.stop())
  }

  async #run(): Promise<void> {
    const { network } = this.#parts
    while (this.#stopping === undefined) {
      const began = network.elapsed()
      const error = await this.#runSession()
      if (this.#stopping !== undefined) break
      if (network.elapsed() - began >= LINK_LIMITS.settledMsMin) this.#failures = 0
      this.#failed(error)
      await this.#pause(reconnectDelayMs(this.#failures++, error, network.random))
    }
  }

  /** Runs one connection. Returns the error that ended it. */
  async #runSession(): Promise<ReplicaError> {
    const { context, port, url, key, network } = this.#parts
    this.#tellAll('connecting')
    this.#refusal = undefined
    this.#cut = new AbortController()
    const { signal } = this.#cut
    try {
      const expect = hubKey(key)
      const { dial: connect, setTimer } = network
      const dial = {
        url,
        expect,
        key: context.key,
        hubId: context.hubId,
        port,
        connect,
        setTimer,
        scheduling: context.scheduling,
      }
      await withSession(dial, { signal }, async session => {
        this.#session = session
        for (const carried of this.#carried.values()) this.#openOn(session, carried)
        await session.done
      })
    } catch (error) {
      return typed(error)
    } finally {
      this.#session = undefined
      const channels = [...this.#carried.values()].map(carried => carried.channel)
      for (const channel of channels) channel?.abandon()
      await Promise.all(channels.map(channel => channel?.ended))
      for (const carried of this.#carried.values()) delete carried.channel
    }
    return this.#refusal ?? new ReplicaError('ERR_SYNC_CLOSED', 'the peer closed the link')
  }

  #openOn(session: Session, carried: Carried): void {
    const { wanted, syncState } = carried
    const { frontier, mode } = wanted
    const { network, hooks } = this.#parts
    carried.channel = new LinkChannel({
      session,
      frontier,
      mode,
      syncState,
      network,
      hooks: {
        onRound: round => hooks?.onRound?.(frontier, round),
        onPhase: phase => this.#phase(carried, phase),
        onRefused: error => this.#refused(session, error),
      },
    })
  }

  #phase(carried: Carried, phase: LinkPhase): void {
    const { context, hooks, isSupervised } = this.#parts
    const { frontier, peer } = carried.wanted
    if (phase === 'live') this.#failures = 0
    if (phase === 'live' && this.#isTold) {
      context.emit({ kind: 'session', message: `${peer} is reachable again`, facts: { frontier, peer } })
      this.#isTold = false
    }
    if (isSupervised) carried.syncState.link = phase
    hooks?.onPhase?.(frontier, phase, carried.syncState)
  }

  /** Closes a connection on which every channel is refused. */
  #refused(session: Session, error: ReplicaError): void {
    if (hasCode(error, 'ERR_SYNC_CLOSED')) return // the connection has ended by itself
    if ([...this.#carried.values()].some(({ channel }) => channel === undefined || !channel.refused)) return
    this.#refusal = error
    session.close()
  }

  /** Reports a failure once until the peer is reached again. */
  #failed(error: ReplicaError): void {
    const { context, url } = this.#parts
    for (const { syncState } of this.#carried.values()) syncState.failed(error)
    this.#tellAll('waiting')
    const [first] = this.#carried.values()
    if (this.#isTold || first === undefined) return
    this.#isTold = true
    const { peer } = first.wanted
    context.emit({
      kind: 'alarm',
      message: `no link to ${peer}: ${error.message}`,
      facts: { peer, url, code: error.code },
    })
  }

  #tellAll(phase: LinkPhase): void {
    for (const carried of this.#carried.values()) this.#phase(carried, phase)
  }

  async #pause(ms: number): Promise<void> {
    const woken = this.#wake.wait()
    const alarm = this.#parts.network.setTimer(ms, () => this.#wake.notify())
    await woken
    alarm.stop()
  }

  async #stop(): Promise<void> {
    this.#wake.notify()
    const session = this.#session
    if (session !== undefined) {
      await this.#bounded(Promise.all([...this.#carried.values()].map(({ channel }) => channel?.stop())))
      session.close()
    } else this.#cut.abort()
    await this.#bounded(this.#running)
    for (const { syncState, unsubscribe } of this.#carried.values()) {
      unsubscribe()
      if (this.#parts.isSupervised) syncState.link = undefined
    }
    this.#carried.clear()
  }

  /** Awaits a task. After `drainMsMax` the connection is aborted, which ends the task. */
  async #bounded(task: Promise<unknown> | undefined): Promise<void> {
    const alarm = this.#parts.network.setTimer(LINK_LIMITS.drainMsMax, () => this.#cut.abort())
    await task
    alarm.stop()
  }
}

function typed(error: unknown): ReplicaError {
  return hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error })
}
