// A frontier's registry as users change it: every change is journaled, a removal takes the heads of that moment as its
// cut, and a registration admits at once, without the network, what the key held back.

import { fromHex, toHex } from '../bytes.ts'
import { ReplicaError } from '../errors.ts'
import type { Cut, Peer } from '../trust/registry.ts'
import type { Frontier } from './frontier.ts'
import type { Home } from './home.ts'
import { checkName } from './read.ts'

export interface NewPeer {
  readonly id: string
  /** `wss://` or `https://`; `ws://` and `http://` only for loopback hosts or with `allowPlain`. */
  readonly url: string
  /** 64 hex digits. */
  readonly publicKey: string
  readonly note?: string
  readonly allowPlain?: boolean
}

export class FrontierPeers {
  readonly #home: Home
  readonly #name: string

  constructor(home: Home, frontier: string) {
    checkName(frontier)
    this.#home = home
    this.#name = frontier
  }

  /**
   * Registers a peer and admits what its key held back. Adding the same peer again changes nothing.
   * @throws ReplicaError ERR_PEER_ID, ERR_PEER_URL, ERR_PEER_EXISTS, ERR_PEER_KEY_CHANGED, ERR_KEY
   */
  async add(peer: NewPeer): Promise<{ peer: Peer; added: boolean; admitted: number }> {
    const frontier = await this.#home.track(this.#name)
    const { peer: stored, change } = await frontier.registry.add({ ...peer, addedAt: this.#home.now() })
    const added = change === 'added'
    if (added) await this.#note('peer.added', stored)
    return { peer: stored, added, admitted: await this.#release(frontier, stored.public_key) }
  }

  /** Forgets a peer: what it made up to now stays, what it makes later is refused. @throws ReplicaError ERR_PEER_UNKNOWN */
  async remove(id: string): Promise<{ cut: Cut }> {
    const frontier = await this.#home.track(this.#name)
    // Within the gate's turn: no node of this peer slips in between the heads and the cut.
    const cut = await frontier.gate.exclusive(() =>
      frontier.registry.remove(id, { heads: frontier.log.heads(), at: this.#home.now() }),
    )
    await frontier.gate.recheck()
    await this.#home.journal.write(this.#name, 'peer.removed', {
      id: cut.id,
      public_key: cut.public_key,
      heads: [...cut.heads],
    })
    return { cut }
  }

  /** Gives a peer a new key; the old one is cut as by `remove`. @throws ReplicaError ERR_PEER_UNKNOWN, ERR_PEER_EXISTS, ERR_KEY */
  async rotate(id: string, publicKey: string): Promise<{ peer: Peer; admitted: number }> {
    const frontier = await this.#home.track(this.#name)
    const former = frontier.registry.get(id)?.public_key ?? ''
    const { peer } = await frontier.gate.exclusive(() =>
      frontier.registry.rotate(id, publicKey, { heads: frontier.log.heads(), at: this.#home.now() }),
    )
    await this.#home.journal.write(this.#name, 'peer.rotated', { id, public_key: peer.public_key, former })
    return { peer, admitted: await this.#release(frontier, peer.public_key) }
  }

  async list(): Promise<Peer[]> {
    return (await this.#home.track(this.#name)).registry.list()
  }

  async cuts(): Promise<Cut[]> {
    return (await this.#home.track(this.#name)).registry.cuts()
  }

  /** 64 hex digits; equal digests mean equal admission rules. */
  async digest(): Promise<string> {
    return toHex((await this.#home.track(this.#name)).registry.digest())
  }

  /** @throws ReplicaError ERR_PEER_UNKNOWN */
  async require(id: string): Promise<Peer> {
    const peer = (await this.#home.track(this.#name)).registry.get(id)
    if (peer === undefined)
      throw new ReplicaError('ERR_PEER_UNKNOWN', `no peer '${id}' is registered for ${this.#name}`)
    return peer
  }

  async #release(frontier: Frontier, publicKey: string): Promise<number> {
    const { admitted } = await frontier.gate.release({ kind: 'key', id: fromHex(publicKey)! })
    return admitted
  }

  #note(kind: string, peer: Peer): Promise<void> {
    const { id, url, public_key } = peer
    return this.#home.journal.write(this.#name, kind, { id, url, public_key })
  }
}
