// How long a session waits for the other side: for the handshake, and later for any message at all. Silence is no fault of
// the peer while this side is at work or nothing is owed, nor while a message is coming, or what it would answer is going, on a slow link. Specification: protocol/sync.md, S6.

import { ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS } from '../base/limits.ts'
import { type SetTimer, systemTimer, type Timer } from '../base/timer.ts'
import type { Link } from './link.ts'

const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS

export interface SessionTimeoutsOptions {
  readonly link: Pick<Link, 'receivedBytes' | 'isBackedUp'>
  readonly setAlarm?: SetTimer | undefined
  /** Whether nothing is to be expected of the peer just now. */
  readonly mayBeSilent: () => boolean
  readonly onTimeout: (error: ReplicaError) => void
}

export class SessionTimeouts {
  readonly #handshake: Timer
  readonly #idle: Timer
  readonly #link: SessionTimeoutsOptions['link']
  /** Bytes that had come when the while began. */
  #seenBytes = 0
  #isStopped = false

  constructor({ setAlarm = systemTimer, link, mayBeSilent, onTimeout }: SessionTimeoutsOptions) {
    this.#link = link
    const expire = (message: string): void => onTimeout(new ReplicaError('ERR_SYNC_TIMEOUT', message))
    this.#handshake = setAlarm(handshakeMsMax, () => expire(`no handshake within ${handshakeMsMax} ms`))
    this.#idle = setAlarm(idleMsMax, () => {
      if (mayBeSilent() || this.#isDataMoving()) this.restart()
      else expire(`received nothing for ${idleMsMax} ms`)
    })
  }

  /** The handshake is over. */
  onHandshake(): void {
    this.#handshake.stop()
  }

  /** Something came, or this side has been at work until now: the while begins again. */
  restart(): void {
    if (this.#isStopped) return
    this.#seenBytes = this.#link.receivedBytes
    this.#idle.restart()
  }

  #isDataMoving(): boolean {
    const { receivedBytes, isBackedUp } = this.#link
    return isBackedUp || receivedBytes !== this.#seenBytes
  }

  stop(): void {
    this.#isStopped = true
    this.#handshake.stop()
    this.#idle.stop()
  }
}
