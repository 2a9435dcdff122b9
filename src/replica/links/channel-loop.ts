// Keeps a live channel of one frontier open on a session. It closes and reopens the channel from
// time to time, so that both sides compare heads even if nothing is written, and retries a refused
// channel with backoff. It ends with the session. Spec: protocol/live.md, L5 to L7.

import type { LiveMode } from '../../admission/peer.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { Signal } from '../../base/signal.ts'
import type { LiveChannel, LiveRound, Session } from '../../transport/session.ts'
import type { LinkPhase, PeerSyncHandle } from '../sync/peer-sync-tracker.ts'
import { type NetworkHooks, reconnectDelayMs, reopenDelayMs } from './backoff.ts'

/** Callbacks of a channel. They must not throw. */
export interface ChannelHooks {
  readonly onPhase: (phase: LinkPhase) => void
  readonly onRound: (round: LiveRound) => void
  /** One side refused the channel. */
  readonly onRefused: (error: ReplicaError) => void
}

export class LinkChannel {
  readonly ended: Promise<void>
  readonly #session: Session
  readonly #frontier: string
  readonly #syncState: PeerSyncHandle
  readonly #network: NetworkHooks
  readonly #hooks: ChannelHooks
  #mode: LiveMode
  #open: LiveChannel | undefined
  #isOver = false
  /** Consecutive refusals. */
  #refusals = 0
  readonly #wake = new Signal()

  constructor(parts: {
    session: Session
    frontier: string
    mode: LiveMode
    syncState: PeerSyncHandle
    network: NetworkHooks
    hooks: ChannelHooks
  }) {
    this.#session = parts.session
    this.#frontier = parts.frontier
    this.#mode = parts.mode
    this.#syncState = parts.syncState
    this.#network = parts.network
    this.#hooks = parts.hooks
    this.ended = this.#run()
  }

  /** Whether the channel was refused and waits to retry. */
  get refused(): boolean {
    return this.#refusals > 0
  }

  /** Changes the direction in which nodes flow. */
  turn(mode: LiveMode): void {
    if (mode === this.#mode) return
    this.#mode = mode
    this.#stopOpen()
    this.#wake.notify()
  }

  /** Retries at once if the channel was refused. */
  retry(): void {
    this.#refusals = Math.min(this.#refusals, 1)
    this.#wake.notify()
  }

  /** Closes the channel after the running round is reported. */
  stop(): Promise<void> {
    this.abandon()
    this.#stopOpen()
    return this.ended
  }

  /** Called when the session has ended: no channel is opened any more. */
  abandon(): void {
    this.#isOver = true
    this.#wake.notify()
  }

  #stopOpen(): void {
    this.#open?.stop().catch(() => {}) // `#follow` sees the error too
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#follow()
      } catch (error) {
        await this.#refusedBy(error)
      }
    }
  }

  /** Runs one channel from open to its regular end. */
  async #follow(): Promise<void> {
    const { setTimer, random } = this.#network
    this.#hooks.onPhase('catching up')
    const open = this.#session.live(this.#frontier, this.#mode, {
      onOpened: () => this.#syncState.reached(),
      onRound: round => {
        this.#syncState.round(round)
        this.#hooks.onRound(round)
      },
    })
    this.#open = open
    try {
      const channel = await open.caughtUp
      this.#refusals = 0
      this.#syncState.channel(channel)
      this.#hooks.onPhase('live')
      const alarm = setTimer(reopenDelayMs(random), () => this.#stopOpen())
      if (this.#isOver) this.#stopOpen()
      try {
        this.#syncState.channel(await open.done)
      } finally {
        alarm.stop()
      }
    } finally {
      this.#open = undefined
    }
  }

  async #refusedBy(error: unknown): Promise<void> {
    if (this.#isOver) return
    this.#refusals += 1
    const known = hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error })
    this.#syncState.failed(known)
    this.#hooks.onPhase('waiting')
    this.#hooks.onRefused(known)
    if (this.#isOver) return
    const { setTimer, random } = this.#network
    const woken = this.#wake.wait()
    const alarm = setTimer(reconnectDelayMs(this.#refusals - 1, known, random), () => this.#wake.notify())
    await woken
    alarm.stop()
  }
}
