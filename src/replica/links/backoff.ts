// Time, chance and the way to a peer, as links need them; and how long a link that ended waits. Tests bring their own, so that
// none waits for a real clock. Specification: protocol/live.md, L3 to L6.

import { type ErrorCode, hasCode } from '../../base/errors.ts'
import { LINK_LIMITS, LIVE_LIMITS } from '../../base/limits.ts'
import { type SetTimer, systemTimer } from '../../base/timer.ts'
import { connect } from '../../transport/websocket-link.ts'

const { retryMsMin, retryMsMax, refusedMsMax, reopenMsMin, reopenMsMax } = LINK_LIMITS

export interface NetworkHooks {
  readonly dial: typeof connect
  readonly setTimer: SetTimer
  /** At least 0, below 1. */
  readonly random: () => number
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed: () => number
  /** Microseconds that each live channel adds between two rounds of one channel. */
  readonly microsPerChannel: number
}

export const NETWORK_HOOKS: NetworkHooks = {
  dial: connect,
  setTimer: systemTimer,
  random: Math.random,
  elapsed: () => performance.now(),
  microsPerChannel: LIVE_LIMITS.paceMicrosPerChannel,
}

/** Refusals that asking again soon doesn't change: a person has to do something, here or there. */
const LASTING: readonly ErrorCode[] = ['ERR_SYNC_AUTH', 'ERR_SYNC_VERSION', 'ERR_SYNC_REMOTE', 'ERR_PEER_URL']
/** Refusals that are over once the other side has registered this one, which is often done a little later. */
const UNREGISTERED: readonly ErrorCode[] = ['ERR_SYNC_FORBIDDEN', 'ERR_FRONTIER_UNKNOWN']

/** Before the next attempt, after `failures` in a row: full jitter above the least, so that many don't come back at once. */
export function reconnectDelayMs(failures: number, error: unknown, random: () => number): number {
  if (hasCode(error, ...LASTING)) return retryMsMax * (0.75 + random() / 4)
  const longest = hasCode(error, ...UNREGISTERED) ? refusedMsMax : retryMsMax
  const most = Math.min(longest, retryMsMin * 2 ** Math.min(failures + 1, 16))
  return retryMsMin + random() * (most - retryMsMin)
}

/** After which a live channel is closed and opened again, so that both sides compare heads. */
export function reopenDelayMs(random: () => number): number {
  return reopenMsMin + random() * (reopenMsMax - reopenMsMin)
}
