// Following one peer for one frontier as long as a caller wants: the same link that a hub keeps, without a hub.

import type { LiveMode } from '../../admission/peer.ts'
import { isErrorCode, ReplicaError } from '../../base/errors.ts'
import { aborted } from '../../base/signal.ts'
import type { LiveRound, ReplicaPort } from '../../transport/session.ts'
import type { MergeReport } from '../merge-observer.ts'
import type { ReplicaContext } from '../replica-context.ts'
import type { LinkPhase } from '../sync/peer-sync-tracker.ts'
import { beginMerge, peerOf } from '../sync/sync-client.ts'
import { PeerLink } from './peer-link.ts'

export interface LiveOptions {
  /** Which way nodes flow, seen from here; default as the peer is registered, else `both`. */
  readonly mode?: LiveMode
  /** Ends it in good order. */
  readonly signal?: AbortSignal
  /** Told of each round that was reported; must not throw. */
  readonly onRound?: (round: LiveRound) => void
  /** Told when the link, or what is known of the peer, has changed; must not throw. */
  readonly onState?: (state: LiveState) => void
}

export interface LiveState {
  readonly phase: LinkPhase
  /** Both sides have the same heads, as far as this link has told; false while the peer isn't reached. */
  readonly equal: boolean
  /** Each side that takes nodes has all that the other had at its last round; with both ways the heads are the same. False while the peer isn't reached. */
  readonly caughtUp: boolean
  /** Why the peer can't be followed, since the last attempt failed. */
  readonly failure?: ReplicaError
}

/**
 * Resolves once the signal has fired, or the replica closes, and the link has ended, with the conflicts that were opened here
 * by what came in meanwhile. @throws ReplicaError ERR_PEER_UNKNOWN
 */
export async function followPeer(
  context: ReplicaContext,
  port: ReplicaPort,
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
  const standing = await context.peerSync.of(context.frontier(frontier), key)
  const tell = (): void => {
    const { failureCode, failure } = standing.standing
    const why = hasFailed && isErrorCode(failureCode) ? { failure: new ReplicaError(failureCode, failure) } : {}
    const equal = isReached && standing.equal
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
