// Limits what one registered key may push to a frontier: nodes a minute, and new heads. Nodes that
// are admitted stay; a session beyond its quota ends and may be opened again later, so a rude or
// broken peer is slowed and nothing is lost.
// Spec: protocol/clients.md, Q14 and Q15.

import { toHex } from '../../base/bytes.ts'
import { CLIENT_LIMITS } from '../../base/client-limits.ts'
import { ReplicaError } from '../../base/errors.ts'
import { LruMap } from '../../base/lru-map.ts'
import type { ReplicaContext } from '../../replica/replica-context.ts'
import type { PeerIdentity } from '../../sync/connection.ts'
import type { ReplicaPort } from '../../transport/session.ts'
import { TokenBucket } from './token-bucket.ts'

const { nodesPerMinuteMax, newHeadsMax, newHeadsPerMinute, quotaKeysMax } = CLIENT_LIMITS
const MINUTE_MS = 60_000

interface Quota {
  readonly nodesPerMinute: number
  readonly nodes: TokenBucket
  readonly heads: TokenBucket
}

export interface KeyQuotasOptions {
  readonly context: Pick<ReplicaContext, 'frontier'>
  /** Called for each session that ends because of a quota. */
  readonly onExceeded: (message: string, facts: { readonly frontier: string; readonly peer: string }) => void
}

/**
 * The quotas of all keys at one hub.
 *
 * @example
 * const port = new KeyQuotas({ context, onExceeded }).limiting(replicaPort(context, options))
 */
export class KeyQuotas {
  readonly #options: KeyQuotasOptions
  /** By frontier and key. */
  readonly #quotas = new LruMap<string, Quota>(quotaKeysMax)
  /** Sessions that ended because of a quota. */
  exceeded = 0

  constructor(options: KeyQuotasOptions) {
    this.#options = options
  }

  /** Returns `port` with an `admit` that keeps to the quotas. */
  limiting(port: ReplicaPort): ReplicaPort {
    return {
      ...port,
      admit: async (frontier, blocks, peer) => {
        const { log } = this.#options.context.frontier(frontier)
        const quota = this.#check(frontier, peer)
        const before = log.headCount
        const admission = await port.admit(frontier, blocks, peer)
        quota.nodes.consume(blocks.length)
        // Nodes that join heads give back what it cost to make these.
        quota.heads.consume(log.headCount - before)
        return admission
      },
    }
  }

  /** @throws ReplicaError ERR_SYNC_BUSY beyond a quota */
  #check(frontier: string, peer: PeerIdentity): Quota {
    const quota = this.#quotaOf(frontier, peer)
    const reason = !quota.nodes.hasTokens
      ? `more than ${quota.nodesPerMinute} nodes a minute`
      : quota.heads.hasTokens
        ? undefined
        : `more than ${newHeadsMax} new heads`
    if (reason === undefined) return quota
    this.exceeded += 1
    const { registry } = this.#options.context.frontier(frontier)
    const name = registry.byKey(peer.key)?.id ?? toHex(peer.key)
    this.#options.onExceeded(`${name} is slowed: it pushed ${reason} to ${frontier}`, { frontier, peer: name })
    throw new ReplicaError('ERR_SYNC_BUSY', `this key pushed ${reason}: push the rest later`)
  }

  #quotaOf(frontier: string, { key }: PeerIdentity): Quota {
    const name = `${frontier}/${toHex(key)}`
    const { nodesPerMinute = nodesPerMinuteMax } = this.#options.context.frontier(frontier).registry.byKey(key) ?? {}
    const known = this.#quotas.get(name)
    if (known?.nodesPerMinute === nodesPerMinute) return known
    const clock = (): number => performance.now()
    const quota = {
      nodesPerMinute,
      nodes: new TokenBucket({ burst: nodesPerMinute, part: MINUTE_MS / nodesPerMinute, clock }),
      heads: known?.heads ?? new TokenBucket({ burst: newHeadsMax, part: MINUTE_MS / newHeadsPerMinute, clock }),
    }
    this.#quotas.set(name, quota)
    return quota
  }
}
