// Computes reconnect delays, and declares the network, timers and randomness that links use. Tests
// replace them, so that no test waits for a real clock. Spec: protocol/live.md, L3 to L6.

import { type ErrorCode, hasCode } from '../../base/errors.ts'
import { LINK_LIMITS, LIVE_LIMITS } from '../../base/limits.ts'
import { type SetTimer, systemTimer } from '../../base/timer.ts'
import type { connect } from '../../transport/websocket-link.ts'

const { retryMsMin, retryMsMax, patientMsMax, refusedMsMax, reopenMsMin, reopenMsMax } = LINK_LIMITS

export interface NetworkHooks {
  readonly dial: typeof connect
  readonly setTimer: SetTimer
  /** Returns a number from 0 to below 1. */
  readonly random: () => number
  /** Monotonic milliseconds. */
  readonly elapsed: () => number
  /** Milliseconds of a clock that also runs while the process or the machine is suspended. */
  readonly wallMs: () => number
  /** Microseconds that each live channel adds between two rounds of one channel. */
  readonly microsPerChannel: number
}

/** Connects. Loads the code of sockets first: a process that dials nobody does not need it. */
export const dialSocket: typeof connect = async (...target) => {
  const { connect } = await import('../../transport/websocket-link.ts')
  return connect(...target)
}

export const NETWORK_HOOKS: NetworkHooks = {
  dial: dialSocket,
  setTimer: systemTimer,
  random: Math.random,
  elapsed: () => performance.now(),
  wallMs: Date.now,
  microsPerChannel: LIVE_LIMITS.paceMicrosPerChannel,
}

/** Refusals that a retry does not change: a person has to act, here or at the peer. */
const LASTING: readonly ErrorCode[] = ['ERR_SYNC_AUTH', 'ERR_SYNC_VERSION', 'ERR_SYNC_REMOTE', 'ERR_PEER_URL']
/** Refusals that end when the other side registers this one, which often happens soon. */
const UNREGISTERED: readonly ErrorCode[] = ['ERR_SYNC_FORBIDDEN', 'ERR_FRONTIER_UNKNOWN']

/**
 * Returns the delay in ms before the next attempt, after `failures` in a row: exponential backoff
 * with full jitter above the minimum, so that clients don't reconnect at once.
 */
export function reconnectDelayMs(failures: number, error: unknown, random: () => number): number {
  if (hasCode(error, ...LASTING)) return patientMsMax * (0.75 + random() / 4)
  const longest = hasCode(error, ...UNREGISTERED) ? refusedMsMax : longestMs(error)
  const most = Math.min(longest, retryMsMin * 2 ** Math.min(failures + 1, 16))
  return retryMsMin + random() * (most - retryMsMin)
}

/**
 * Many clients at once would keep a full peer busy with handshakes. A peer that can't be reached
 * costs little, and the link is back soon after the peer.
 */
function longestMs(error: unknown): number {
  return hasCode(error, 'ERR_SYNC_BUSY') ? patientMsMax : retryMsMax
}

/**
 * Returns the ms after which a live channel is closed and reopened, so that both sides compare
 * heads.
 */
export function reopenDelayMs(random: () => number): number {
  return reopenMsMin + random() * (reopenMsMax - reopenMsMin)
}
