// How long a session waits for the other side: for the handshake, and later for any message at all. Silence is no fault of
// the peer while this side is at work or nothing is owed. Specification: protocol/sync.md, S6.

import { ReplicaError } from '../errors.ts'
import { SOCKET_LIMITS } from '../limits.ts'
import { type Alarm, clockAlarm, type SetAlarm } from './alarm.ts'

const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS

export interface PatienceParts {
  readonly setAlarm?: SetAlarm | undefined
  /** Whether nothing is to be expected of the peer just now. */
  readonly mayBeSilent: () => boolean
  readonly onLate: (error: ReplicaError) => void
}

export class Patience {
  readonly #handshake: Alarm
  readonly #idleness: Alarm
  #isOver = false

  constructor({ setAlarm = clockAlarm, mayBeSilent, onLate }: PatienceParts) {
    const late = (message: string): void => onLate(new ReplicaError('ERR_SYNC_TIMEOUT', message))
    this.#handshake = setAlarm(handshakeMsMax, () => late(`no handshake within ${handshakeMsMax} ms`))
    this.#idleness = setAlarm(idleMsMax, () => {
      if (mayBeSilent()) this.#idleness.restart()
      else late(`nothing came for ${idleMsMax} ms`)
    })
  }

  /** The handshake is over. */
  proven(): void {
    this.#handshake.stop()
  }

  /** Something came, or this side has been at work until now: the while begins again. */
  renew(): void {
    if (!this.#isOver) this.#idleness.restart()
  }

  stop(): void {
    this.#isOver = true
    this.#handshake.stop()
    this.#idleness.stop()
  }
}
