// A frontier's registry as users change it: every change is journaled, a removal takes the heads of that moment as its
// cut, and a registration admits at once, without the network, what the key held back.

import type { LiveSetting } from '../admission/peer.ts'
import type { Cut, Peer, PeerChange } from '../admission/registry.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { checkFrontierId } from '../base/frontier-id.ts'
import type { Frontier } from './frontier.ts'
import type { JournalEntry } from './journal.ts'
import type { ReplicaContext } from './replica-context.ts'

export interface NewPeer {
  readonly id: string
  /** `wss://` or `https://`; `ws://` and `http://` only for loopback hosts or with `allowPlain`. */
  readonly url: string
  /** 64 hex digits. */
  readonly publicKey: string
  readonly note?: string
  /** Whether a hub keeps a link to it, and which way nodes flow, seen from here; default off. */
  readonly live?: LiveSetting
  readonly allowPlain?: boolean
}

export class FrontierPeers {
  readonly #context: ReplicaContext
  readonly #name: string

  constructor(context: ReplicaContext, frontier: string) {
    checkFrontierId(frontier)
    this.#context = context
    this.#name = frontier
  }

  /**
   * Registers a peer and admits what its key held back; the frontier is kept from now on. The same again changes nothing.
   * Adding a key that was removed lifts its cut.
   * @throws ReplicaError ERR_PEER_ID, ERR_PEER_URL, ERR_PEER_EXISTS, ERR_PEER_KEY_CHANGED, ERR_KEY
   */
  async add(peer: NewPeer): Promise<{ peer: Peer; added: boolean; admitted: number }> {
    const draft = { ...peer, addedAt: this.#context.now() }
    // What is refused keeps no frontier that was not kept.
    if (!this.#context.frontiers.has(this.#name))
      await (await this.#context.inMemoryFrontier(this.#name)).registry.add(draft)
    const frontier = await this.#context.openFrontier(this.#name)
    const { peer: stored, change } = await frontier.registry.add(draft)
    const { id, url, publicKey } = stored
    const added = change === 'added'
    if (added) await this.#note('peer.added', { id, url, public_key: publicKey })
    const { admitted } = await frontier.gate.release({ kind: 'key', id: fromHex(publicKey)! })
    return { peer: stored, added, admitted }
  }

  /**
   * Gives a peer another URL or another setting of its link; a new URL is journaled.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_PEER_URL
   */
  async set(id: string, change: PeerChange): Promise<{ peer: Peer; changed: boolean }> {
    const { peer, before } = await this.#frontier().registry.change(id, change)
    const { url, publicKey, live = 'off' } = peer
    const changed = url !== before.url || peer.live !== before.live
    if (changed) await this.#note('peer.changed', { id, public_key: publicKey, url, former_url: before.url, live })
    return { peer, changed }
  }

  /** Forgets a peer: what it made up to now stays, what it makes later is refused. @throws ReplicaError ERR_PEER_UNKNOWN */
  async remove(id: string): Promise<{ cut: Cut }> {
    const { registry, gate, log } = this.#frontier()
    // Within the gate's turn: no node of this peer slips in between the heads and the cut.
    const cut = await gate.exclusive(() => registry.remove(id, { heads: log.heads(), at: this.#context.now() }))
    await gate.reevaluateHeld()
    const { publicKey, heads } = cut
    await this.#note('peer.removed', { id, public_key: publicKey, heads: [...heads] })
    return { cut }
  }

  /** Gives a peer a new key; the old one is cut as by `remove`. @throws ReplicaError ERR_PEER_UNKNOWN, ERR_PEER_EXISTS, ERR_KEY */
  async rotate(id: string, publicKey: string): Promise<{ peer: Peer; admitted: number }> {
    const { registry, gate, log } = this.#frontier()
    const { peer, cut } = await gate.exclusive(() =>
      registry.rotate(id, publicKey, { heads: log.heads(), at: this.#context.now() }),
    )
    const { admitted } = await gate.reevaluateHeld()
    await this.#note('peer.rotated', { id, public_key: peer.publicKey, former: cut.publicKey })
    return { peer, admitted }
  }

  /** Peers by id. @throws ReplicaError ERR_FRONTIER_UNKNOWN */
  list(): Peer[] {
    return this.#frontier().registry.list()
  }

  /** Keys that were removed, with the heads under which their nodes stay. @throws ReplicaError ERR_FRONTIER_UNKNOWN */
  cuts(): Cut[] {
    return this.#frontier().registry.cuts()
  }

  /** 64 hex digits; equal digests mean equal admission rules. @throws ReplicaError ERR_FRONTIER_UNKNOWN */
  digest(): string {
    return toHex(this.#frontier().registry.digest())
  }

  #frontier(): Frontier {
    return this.#context.frontier(this.#name)
  }

  #note(kind: string, facts: JournalEntry['facts']): Promise<void> {
    return this.#context.journal.write(this.#name, kind, facts)
  }
}
