// Keeps the links of a hub: one connection per followed peer and address, which carries all
// frontiers of that peer. Reads the registries when one changes, and starts, changes and ends links
// one after another, so that no peer is dialed twice at once. Spec: protocol/live.md, L1, L2 and
// L9.

import { WIRE_LIMITS } from '../../base/limits.ts'
import type { ReplicaPort } from '../../transport/session.ts'
import type { ReplicaContext } from '../replica-context.ts'
import type { NetworkHooks } from './backoff.ts'
import { PeerLink, type Subscription } from './peer-link.ts'
import { SuspensionWatch } from './suspension-watch.ts'

export class OutboundLinks {
  readonly #parts: { context: ReplicaContext; port: ReplicaPort; network: NetworkHooks }
  readonly #suspensions: SuspensionWatch
  readonly #links = new Map<string, PeerLink>()
  #unsubscribe: () => void = () => {}
  #planning: Promise<void> = Promise.resolve()
  /** A plan is queued; it will see all changes made until it runs. */
  #isDue = false
  #isOver = false

  constructor(parts: { context: ReplicaContext; port: ReplicaPort; network: NetworkHooks }) {
    this.#parts = parts
    this.#suspensions = new SuspensionWatch(parts.network, () => this.#reconnect())
  }

  /** Number of links. */
  get size(): number {
    return this.#links.size
  }

  start(): void {
    this.#suspensions.start()
    this.#unsubscribe = this.#parts.context.subscribe(() => this.#changed())
    this.#changed()
  }

  /** Retries at once every waiting peer and every refused channel. */
  retry(): void {
    for (const link of this.#links.values()) link.retry()
  }

  /** Ends all links gracefully within `drainMsMax` and dials no more. */
  async stop(): Promise<void> {
    this.#isOver = true
    this.#suspensions.stop()
    this.#unsubscribe()
    await Promise.all([...this.#links.values()].map(link => link.stop()))
    await this.#planning
  }

  #reconnect(): void {
    for (const link of this.#links.values()) link.reconnect()
  }

  #changed(): void {
    if (this.#isDue || this.#isOver) return
    this.#isDue = true
    this.#planning = this.#planning
      .then(() => {
        this.#isDue = false
        return this.#plan()
      })
      .catch((error: Error) => {
        // The store failed. Existing links go on while they can.
        this.#parts.context.emit({
          kind: 'alarm',
          message: `can't apply the live settings of peers: ${error.message}`,
          facts: {},
        })
      })
  }

  async #plan(): Promise<void> {
    const wanted = wantedLinks(this.#parts.context)
    for (const [name, link] of [...this.#links]) {
      if (wanted.has(name)) continue
      this.#links.delete(name)
      await link.stop()
    }
    for (const [name, { url, key, list }] of wanted) {
      if (this.#isOver) return
      let link = this.#links.get(name)
      if (link === undefined) {
        link = new PeerLink({ ...this.#parts, url, key, isSupervised: true })
        this.#links.set(name, link)
      }
      await link.setSubscriptions(list)
    }
  }
}

interface WantedLink {
  readonly url: string
  readonly key: string
  readonly list: Subscription[]
}

/**
 * Links by address and key. A peer followed for more frontiers than a connection takes has several.
 */
function wantedLinks(context: ReplicaContext): Map<string, WantedLink> {
  const all = new Map<string, WantedLink>()
  for (const frontier of [...context.frontiers.keys()].sort()) {
    for (const { id, url, publicKey: key, live } of context.frontier(frontier).registry.list()) {
      if (live === undefined || url === '') continue
      let name = ''
      for (let i = 0; name === '' || (all.get(name)?.list.length ?? 0) >= WIRE_LIMITS.channelsMax; i++) {
        name = `${url} ${key} ${i}`
      }
      const link = all.get(name) ?? { url, key, list: [] }
      link.list.push({ frontier, peer: id, mode: live })
      all.set(name, link)
    }
  }
  return all
}
