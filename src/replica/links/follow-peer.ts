// Follows one peer for one frontier until a signal: the same link that a hub keeps, without a hub.

import type { LiveMode } from '../../admission/peer.ts'
import { isErrorCode, ReplicaError } from '../../base/errors.ts'
import { aborted } from '../../base/signal.ts'
import type { LiveRound } from '../../transport/session.ts'
import type { MergeReport } from '../merge-observer.ts'
import type { LinkPhase } from '../sync/peer-sync-tracker.ts'
import { beginMerge, type LocalSide, peerOf } from '../sync/sync-client.ts'
import { PeerLink } from './peer-link.ts'

/** How to follow a peer. */
export interface LiveOptions {
  /**
   * Direction of nodes, seen from this side. Default: the direction registered for the peer, else
   * `both`.
   */
  readonly mode?: LiveMode
  /** Ends the link gracefully. */
  readonly signal?: AbortSignal
  /** Called after each reported round. Must not throw. */
  readonly onRound?: (round: LiveRound) => void
  /** Called when the link, or the known state of the peer, has changed. Must not throw. */
  readonly onState?: (state: LiveState) => void
}

/** State of a followed peer. */
export interface LiveState {
  /** Phase of the link. */
  readonly phase: LinkPhase
  /**
   * Both sides have equal heads, as far as this link knows. False while the peer can't be reached.
   */
  readonly equal: boolean
  /**
   * Each receiving side has all that the other had at its last round; with `both` the heads are
   * equal. False while the peer can't be reached.
   */
  readonly caughtUp: boolean
  /** Error of the last attempt; undefined if it succeeded. */
  readonly failure?: ReplicaError
}

/**
 * Follows a peer. Resolves when the signal has fired, or the replica closes, and the link has
 * ended, with the conflicts that the received nodes opened.
 * @throws ReplicaError ERR_PEER_UNKNOWN
 */
export async function followPeer(
  { context, port }: LocalSide,
  { frontier, peer }: { frontier: string; peer: string },
  options: LiveOptions,
): Promise<MergeReport> {
  const { url, publicKey: key, live } = peerOf(context, frontier, peer)
  const { mode = live ?? 'both', signal, onRound, onState } = options
  let phase: LinkPhase = 'connecting'
  let hasFailed = false
  let isReached = false
  let isComplete = false
  let admitted = 0
  const from = await beginMerge(context, frontier)
  const syncState = await context.peerSync.of(context.frontier(frontier), key)
  const tell = (): void => {
    const { failureCode, failure } = syncState.syncState
    const why = hasFailed && isErrorCode(failureCode) ? { failure: new ReplicaError(failureCode, failure) } : {}
    const equal = isReached && syncState.equal
    onState?.({ phase, equal, caughtUp: equal || (isReached && isComplete && mode !== 'both'), ...why })
  }
  const link = new PeerLink({
    context,
    port,
    url,
    key,
    network: context.network,
    isSupervised: false,
    hooks: {
      onRound: (_, round) => {
        isComplete = round.complete
        if (round.direction === 'in') admitted += round.tally.admitted
        onRound?.(round)
        tell()
      },
      onPhase: (_, now) => {
        phase = now
        if (now === 'waiting' || now === 'live') hasFailed = now === 'waiting'
        if (now !== 'catching up') isReached = now === 'live'
        else isComplete = false
        tell()
      },
    },
  })
  const until = signal === undefined ? context.closedSignal : AbortSignal.any([signal, context.closedSignal])
  return context.runUntilClosed(async () => {
    if (!until.aborted) {
      await link.setSubscriptions([{ frontier, peer, mode }])
      await aborted(until)
    }
    await link.stop()
    await context.peerSync.flush()
    return context.observer.afterMerge({ frontier, peer, from, admitted, isAsked: false, isAwaited: false })
  })
}
