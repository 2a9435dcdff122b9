// Timeouts of a session: for the handshake, then for any message at all.
// The idle timeout does not expire while this side works or expects nothing, nor while a message
// arrives, or data that the peer would reply to leaves, on a slow link.
// Spec: protocol/sync.md, S6.

import { ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS } from '../base/limits.ts'
import { type SetTimer, systemTimer, type Timer } from '../base/timer.ts'
import type { Link } from './link.ts'

const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS

/** State that the timeouts of a session depend on. */
export interface SessionTimeoutsOptions {
  readonly link: Pick<Link, 'receivedBytes' | 'isBackedUp'>
  readonly setTimer?: SetTimer | undefined
  /** Returns whether no message is due from the peer. */
  readonly mayBeSilent: () => boolean
  /** Called once with ERR_SYNC_TIMEOUT. */
  readonly onTimeout: (error: ReplicaError) => void
}

/** The timeouts of one session. */
export class SessionTimeouts {
  readonly #handshake: Timer
  readonly #idle: Timer
  readonly #link: SessionTimeoutsOptions['link']
  /** Bytes received when the idle timeout last started. */
  #seenBytes = 0
  #isStopped = false

  constructor({ setTimer = systemTimer, link, mayBeSilent, onTimeout }: SessionTimeoutsOptions) {
    this.#link = link
    const expire = (message: string): void => onTimeout(new ReplicaError('ERR_SYNC_TIMEOUT', message))
    this.#handshake = setTimer(handshakeMsMax, () => expire(`no handshake within ${handshakeMsMax} ms`))
    this.#idle = setTimer(idleMsMax, () => {
      if (mayBeSilent() || this.#isDataMoving()) this.restart()
      else expire(`received nothing for ${idleMsMax} ms`)
    })
  }

  /** Stops the handshake timeout. */
  onHandshake(): void {
    this.#handshake.stop()
  }

  /** Restarts the idle timeout: something came, or this side has worked until now. */
  restart(): void {
    if (this.#isStopped) return
    this.#seenBytes = this.#link.receivedBytes
    this.#idle.restart()
  }

  #isDataMoving(): boolean {
    const { receivedBytes, isBackedUp } = this.#link
    return isBackedUp || receivedBytes !== this.#seenBytes
  }

  /** Stops both timeouts. */
  stop(): void {
    this.#isStopped = true
    this.#handshake.stop()
    this.#idle.stop()
  }
}
