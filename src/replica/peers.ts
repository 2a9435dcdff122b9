// Changes a frontier's registry on behalf of users: each change is journaled, a removal takes the
// present heads as its cut, and a registration admits at once the nodes held for the key.

import type { LiveSetting } from '../admission/peer.ts'
import type { Cut, Peer, PeerChange } from '../admission/registry.ts'
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { checkFrontierId } from '../base/frontier-id.ts'
import type { Frontier } from './frontier.ts'
import type { JournalEntry } from './journal.ts'
import type { ReplicaContext } from './replica-context.ts'

/** Prefix of the record with the peer that is meant where none is named. */
const DEFAULT_PEER_RECORDS = 'default-peer/'

function unknownPeer(message: string): ReplicaError {
  return new ReplicaError('ERR_PEER_UNKNOWN', message)
}

/** A peer to register. */
export interface NewPeer {
  /** Name for people, unique within the frontier's registry. */
  readonly id: string
  /**
   * `wss://` or `https://`; `ws://` and `http://` only for loopback hosts, or with `allowPlain`.
   */
  readonly url: string
  /** 64 hex digits. */
  readonly publicKey: string
  readonly note?: string
  /** Direction of the link that a hub keeps to the peer, seen from this side; default `off`. */
  readonly live?: LiveSetting
  readonly allowPlain?: boolean
}

/**
 * The registered peers of one frontier.
 *
 * @example
 * const peers = replica.registry(frontier)
 * await peers.add({ id: 'hub:lab', url: 'wss://lab.example', publicKey })
 * console.log(peers.list().length)
 */
export class FrontierPeers {
  readonly #context: ReplicaContext
  readonly #name: string

  constructor(context: ReplicaContext, frontier: string) {
    checkFrontierId(frontier)
    this.#context = context
    this.#name = frontier
  }

  /**
   * Registers a peer and admits the nodes held for its key. Creates the frontier if needed. The
   * same peer again changes nothing. Adding a removed key lifts its cut.
   * @throws ReplicaError ERR_PEER_ID, ERR_PEER_URL, ERR_PEER_EXISTS, ERR_PEER_KEY_CHANGED, ERR_KEY
   */
  async add(peer: NewPeer): Promise<{ peer: Peer; added: boolean; admitted: number }> {
    const draft = { ...peer, addedAt: this.#context.now() }
    // A refused peer must not create the frontier.
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
   * Changes the URL of a peer, the direction of its link, or its quota. A new URL is journaled.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_PEER_URL; TypeError for a quota that is not a
   * positive integer
   */
  async set(id: string, change: PeerChange): Promise<{ peer: Peer; changed: boolean }> {
    const { peer, before } = await this.#frontier().registry.change(id, change)
    const { url, publicKey, live = 'off' } = peer
    const changed = url !== before.url || peer.live !== before.live
    const isLimited = peer.nodesPerMinute !== before.nodesPerMinute
    if (changed) await this.#note('peer.changed', { id, public_key: publicKey, url, former_url: before.url, live })
    return { peer, changed: changed || isLimited }
  }

  /**
   * Removes a peer. Its nodes up to now stay, later ones are refused.
   * @throws ReplicaError ERR_PEER_UNKNOWN
   */
  async remove(id: string): Promise<{ cut: Cut }> {
    const { registry, gate, log } = this.#frontier()
    // While the gate is locked, so that no node of this peer is committed between the heads and the
    // cut.
    const cut = await gate.exclusive(() => registry.remove(id, { heads: log.heads(), at: this.#context.now() }))
    await gate.reevaluateHeld()
    const { publicKey, heads } = cut
    await this.#note('peer.removed', { id, public_key: publicKey, heads: [...heads] })
    return { cut }
  }

  /**
   * Replaces the key of a peer. The old key is cut as by `remove`.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_PEER_EXISTS, ERR_KEY
   */
  async rotate(id: string, publicKey: string): Promise<{ peer: Peer; admitted: number }> {
    const { registry, gate, log } = this.#frontier()
    const { peer, cut } = await gate.exclusive(() =>
      registry.rotate(id, publicKey, { heads: log.heads(), at: this.#context.now() }),
    )
    const { admitted } = await gate.reevaluateHeld()
    await this.#note('peer.rotated', { id, public_key: peer.publicKey, former: cut.publicKey })
    return { peer, admitted }
  }

  /**
   * Returns the peers by id.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
  list(): Peer[] {
    return this.#frontier().registry.list()
  }

  /**
   * Makes a registered peer the one that is meant where none is named.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_PEER_UNKNOWN
   */
  async setDefault(id: string): Promise<void> {
    if (this.#frontier().registry.get(id) === undefined) throw unknownPeer(`there is no registered peer '${id}'`)
    await this.#context.store.records.write([{ key: `${DEFAULT_PEER_RECORDS}${this.#name}`, value: utf8(id) }])
  }

  /**
   * Returns the peer that is meant where none is named: the one of `setDefault`, which a clone sets
   * to the hub that it cloned from; else the only registered one.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN; ERR_PEER_UNKNOWN if there is none, or several
   */
  async default(): Promise<Peer> {
    const all = this.list()
    const record = await this.#context.store.records.get(`${DEFAULT_PEER_RECORDS}${this.#name}`)
    const id = record && Buffer.from(record).toString('utf8')
    const [first, ...others] = all
    const found = all.find(peer => peer.id === id) ?? (others.length === 0 ? first : undefined)
    if (found !== undefined) return found
    if (first === undefined) throw unknownPeer(`${this.#name} has no registered peer`)
    throw unknownPeer(`${this.#name} has ${all.length} registered peers: name one`)
  }

  /**
   * Returns the removed keys, with the heads up to which their nodes stay.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
  cuts(): Cut[] {
    return this.#frontier().registry.cuts()
  }

  /**
   * Returns 64 hex digits. Equal digests mean equal admission rules.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
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
