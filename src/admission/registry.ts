// The registry of a frontier at one replica: the keys whose nodes it admits.
// A registered peer is known; nothing that it declares about others is believed. A removed key
// keeps a cut, the heads at that moment: its nodes below the cut stay and later ones are refused,
// so no clock decides. Entries are records of the store, loaded once. A change takes effect after
// it is durable. A removal must not race the gate: run it in `Gate.exclusive`.
// Spec: protocol/admission.md, D18 to D27.

import { compare, concat, type Digest, fromHex, sha256, toHex, utf8 } from '../base/bytes.ts'
import { Emitter } from '../base/emitter.ts'
import { ReplicaError } from '../base/errors.ts'
import { REGISTRY_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { encodeCbor } from '../cbor/dag-cbor.ts'
import { type Key, parsePublicKey } from '../crypto/key.ts'
import type { RecordChange, Records, StoreSharing } from '../store/store.ts'
import { changePeer, type Peer, type PeerChange, type PeerDraft, readPeerDraft } from './peer.ts'
import { type LocalDeclarations, planAdoption } from './registry-adoption.ts'
import { decodeOffer, encodeOffer, type OfferedCut, type OfferedPeer, type RegistryOffer } from './registry-offer.ts'
import { type Cut, type CutDraft, loadEntries, makeCut, removeEntry, writeCut, writePeer } from './registry-records.ts'

export type { Cut, CutDraft, OfferedCut, OfferedPeer, Peer, PeerChange, PeerDraft, RegistryOffer }

const DIGEST_DOMAIN = utf8('replica/registry-digest/1\n')

/** The hub id and keys of this replica. */
export interface OwnIdentity {
  /** The hub id of this replica. */
  readonly id: string
  /** The key that signs new nodes. */
  readonly key: Key
  /** Where others reach this hub; absent unless it listens. */
  readonly url?: string
  /** Keys that this replica signed with before, 64 hex digits each. Their nodes stay admitted. */
  readonly former?: readonly string[]
  /** Coordination with other processes that have the store open. */
  readonly sharing?: StoreSharing | undefined
}

/** Result of `add`. */
export interface AddedPeer {
  readonly peer: Peer
  /** `same`: it was registered like this before, and nothing was written. */
  readonly change: 'added' | 'same'
  /** The cut of the key that was lifted, if the key had been removed. */
  readonly lifted?: Cut
}

/** Result of `adopt`. */
export interface AdoptedRegistry {
  /** Ids of the adopted peers. */
  readonly added: string[]
  /** Newly cut keys, 64 hex digits each. */
  readonly cut: string[]
  /** Entries that were left out, with the reason. */
  readonly skipped: { id: string; reason: string }[]
}

/** Whether a key is registered; for a removed key, its cut. */
export type Verdict = 'registered' | 'unknown' | { readonly cut: Cut }

/**
 * Registered peers and cuts of one frontier.
 *
 * @example
 * const registry = await Registry.load(records, frontier, { id: 'hub:lab', key })
 * await registry.add({ id: 'hub:main', url: 'wss://main.example', publicKey, addedAt })
 */
export class Registry {
  /** The frontier's name. */
  readonly frontier: string
  readonly #records: Records
  #own: OwnIdentity
  readonly #ownKeys: Set<string>
  readonly #peers = new Map<string, Peer>()
  readonly #byKey = new Map<string, Peer>()
  readonly #cuts = new Map<string, Cut>()
  #digest: Digest | undefined
  #changes = 0
  readonly #changeEvents = new Emitter()
  /** A check and its write belong together. */
  readonly #mutex = new Mutex()

  private constructor(records: Records, frontier: string, own: OwnIdentity) {
    this.#records = records
    this.frontier = frontier
    this.#own = own
    this.#ownKeys = new Set([own.key.publicKey, ...(own.former ?? [])])
  }

  /**
   * Reads the entries from the store.
   * @throws ReplicaError ERR_STORE_CORRUPT
   */
  static async load(records: Records, frontier: string, own: OwnIdentity): Promise<Registry> {
    const registry = new Registry(records, frontier, own)
    await registry.reload()
    return registry
  }

  /**
   * Reads all entries again. If it throws, nothing has changed.
   * @throws ReplicaError ERR_STORE_CORRUPT
   */
  reload(): Promise<void> {
    return this.#mutex.run(() => this.#load())
  }

  async #load(): Promise<void> {
    const { peers, cuts } = await loadEntries(this.#records, this.frontier)
    for (const map of [this.#peers, this.#byKey, this.#cuts]) map.clear()
    for (const peer of peers) this.#index(peer)
    for (const cut of cuts) this.#cuts.set(cut.publicKey, cut)
    this.#changed()
  }

  /** Runs a check and its write: one at a time, also among the processes that share the store. */
  #change<T>(task: () => Promise<T>): Promise<T> {
    const { sharing } = this.#own
    if (sharing === undefined) return this.#mutex.run(task)
    const refreshed = async (): Promise<T> => {
      await this.#load()
      return await task()
    }
    return this.#mutex.run(() => sharing.exclusive(`registry/${this.frontier}`, refreshed))
  }

  /**
   * Calls `listener` after each durable change.
   * @returns a function that unsubscribes
   */
  subscribe(listener: () => void): () => void {
    return this.#changeEvents.on(listener)
  }

  /** Returns the peers, by id. */
  list(): Peer[] {
    return [...this.#peers.values()].sort((a, b) => compare(utf8(a.id), utf8(b.id)))
  }

  /** Returns the cuts, by key. */
  cuts(): Cut[] {
    return [...this.#cuts.values()].sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1))
  }

  /** Returns the peer with this id. */
  get(id: string): Peer | undefined {
    return this.#peers.get(id)
  }

  /** Returns the peer with this key. */
  byKey(key: Uint8Array): Peer | undefined {
    return this.#byKey.get(toHex(key))
  }

  /** The key of this replica, then its former keys: 64 hex digits each. */
  get ownKeys(): string[] {
    return [...this.#ownKeys]
  }

  /** Former keys of this replica that are not cut, 64 hex digits each. */
  get formerKeys(): string[] {
    return this.ownKeys.filter(hex => hex !== this.#own.key.publicKey && !this.#cuts.has(hex))
  }

  /** Number of changes so far, for caches of what follows from the registry. */
  get changes(): number {
    return this.#changes
  }

  /**
   * Returns whether a key may write. Former keys of this replica count as registered until they are
   * cut.
   */
  verdict(key: Uint8Array): Verdict {
    const hex = toHex(key)
    if (hex === this.#own.key.publicKey) return 'registered'
    const cut = this.#cuts.get(hex)
    if (cut !== undefined) return { cut }
    return this.#byKey.has(hex) || this.#ownKeys.has(hex) ? 'registered' : 'unknown'
  }

  /**
   * Registers a peer. Registering it again with equal values changes nothing. A removed key can
   * return: its cut is lifted.
   * @throws ReplicaError ERR_PEER_ID, ERR_PEER_URL, ERR_KEY, ERR_PEER_EXISTS, ERR_PEER_KEY_CHANGED,
   * ERR_REGISTRY
   */
  add(draft: PeerDraft): Promise<AddedPeer> {
    return this.#change(async () => {
      const peer = readPeerDraft(draft)
      const before = this.#peers.get(peer.id)
      const isSame = before?.publicKey === peer.publicKey && before.url === peer.url && before.note === peer.note
      if (isSame && (draft.live === undefined || before.live === peer.live)) return { peer: before, change: 'same' }
      this.#checkFree(peer, before)
      const lifted = this.#cuts.get(peer.publicKey)
      await this.#apply({ peers: [peer], liftedKey: lifted?.publicKey })
      return { peer, change: 'added', ...(lifted && { lifted }) }
    })
  }

  /**
   * Changes the URL, link or quota of a peer. Its key is rotated instead.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_PEER_URL
   */
  change(id: string, change: PeerChange): Promise<{ peer: Peer; before: Peer }> {
    return this.#change(async () => {
      const before = this.#requirePeer(id)
      const peer = changePeer(before, change)
      const isSame = peer.url === before.url && peer.live === before.live
      if (!isSame || peer.nodesPerMinute !== before.nodesPerMinute) await this.#apply({ peers: [peer] })
      return { peer, before }
    })
  }

  /**
   * Removes a peer and cuts its key.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_REGISTRY
   */
  remove(id: string, draft: CutDraft): Promise<Cut> {
    return this.#change(async () => {
      const peer = this.#requirePeer(id)
      const cut = makeCut(peer, draft)
      await this.#apply({ cuts: [cut], removed: peer })
      return cut
    })
  }

  /**
   * Replaces the key of a peer and cuts the old key.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_KEY, ERR_REGISTRY, ERR_PEER_EXISTS (the key belongs
   * to a peer or this replica, or was removed)
   */
  rotate(id: string, publicKey: string, draft: CutDraft): Promise<{ peer: Peer; cut: Cut }> {
    return this.#change(async () => {
      const before = this.#requirePeer(id)
      const peer = { ...before, publicKey: toHex(parsePublicKey(publicKey)), addedAt: draft.at }
      this.#checkKeyFree(peer.publicKey)
      if (this.#cuts.has(peer.publicKey)) {
        throw new ReplicaError(
          'ERR_PEER_EXISTS',
          'this key was removed from the registry; only a new `peer add` lifts its cut',
        )
      }
      const cut = makeCut(before, draft)
      await this.#apply({ peers: [peer], cuts: [cut], removed: before })
      return { peer, cut }
    })
  }

  /**
   * Cuts a former key of this replica, so that a stolen copy can't write any more.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_REGISTRY
   */
  retire(publicKey: string, draft: CutDraft): Promise<Cut> {
    return this.#change(async () => {
      const hex = publicKey.toLowerCase()
      if (hex === this.#own.key.publicKey || !this.#ownKeys.has(hex)) {
        throw new ReplicaError('ERR_PEER_UNKNOWN', 'not a former key of this replica')
      }
      const cut = makeCut({ id: this.#own.id, publicKey: hex }, draft)
      await this.#apply({ cuts: [cut] })
      return cut
    })
  }

  /**
   * Makes `key` the signing key; the former key stays an own key. The caller has made both durable.
   */
  renewOwn(key: Key): void {
    this.#own = { ...this.#own, key }
    this.#ownKeys.add(key.publicKey)
    this.#changed()
  }

  /**
   * Returns the SHA-256 over everything that admission depends on: keys, own keys included, and
   * cuts. Equal registries have equal digests.
   */
  digest(): Digest {
    if (this.#digest !== undefined) return this.#digest
    const cuts = this.cuts().filter(cut => cut.publicKey !== this.#own.key.publicKey)
    const cutKeys = new Set(cuts.map(cut => cut.publicKey))
    const keys = [...new Set([...this.#ownKeys, ...this.#byKey.keys()])].filter(key => !cutKeys.has(key)).sort()
    const value = encodeCbor({
      keys: concat(keys.map(key => fromHex(key)!)),
      cuts: cuts.map(cut => [fromHex(cut.publicKey)!, concat(cut.heads.map(head => fromHex(head)!))]),
    })
    this.#digest = sha256(concat([DIGEST_DOMAIN, value]))
    return this.#digest
  }

  /**
   * Returns this registry as a signed list for other hubs. Former own keys appear as cuts.
   * @throws ReplicaError ERR_REGISTRY if it is too large
   */
  offer(): Uint8Array {
    const { id, key, url = '' } = this.#own
    const cuts = this.cuts().filter(cut => cut.publicKey !== key.publicKey)
    const hub = { id, url, publicKey: key.publicKey }
    return encodeOffer({ frontier: this.frontier, hub, peers: this.list(), cuts }, key)
  }

  /**
   * Decodes what a hub offers for this frontier. Changes nothing.
   * @throws ReplicaError ERR_REGISTRY
   */
  readOffer(bytes: Uint8Array, hubKey: Uint8Array): RegistryOffer {
    return decodeOffer(bytes, { hubKey, frontier: this.frontier })
  }

  /**
   * Takes an offer over as local declarations, at the request of a person. Local declarations take
   * precedence, and entries about the own keys are left out. The result lists what was left out,
   * with the reason.
   */
  adopt(offer: RegistryOffer, options: { at: string; allowPlain?: boolean }): Promise<AdoptedRegistry> {
    return this.#change(async () => {
      const { peers, cuts, skipped } = await planAdoption(offer, this.#local(), options)
      await this.#apply({ peers, cuts })
      return { added: peers.map(peer => peer.id), cut: cuts.map(cut => cut.publicKey), skipped }
    })
  }

  #local(): LocalDeclarations {
    return {
      ownId: this.#own.id,
      ownKeys: this.#ownKeys,
      peers: this.#peers,
      peersByKey: this.#byKey,
      cuts: this.#cuts,
    }
  }

  #requirePeer(id: string): Peer {
    const peer = this.#peers.get(id)
    if (peer === undefined)
      throw new ReplicaError('ERR_PEER_UNKNOWN', `there is no registered peer ${JSON.stringify(id)}`)
    return peer
  }

  #checkFree(peer: Peer, before: Peer | undefined): void {
    if (before !== undefined && before.publicKey !== peer.publicKey) {
      throw new ReplicaError('ERR_PEER_KEY_CHANGED', `${peer.id} is registered with another key`)
    }
    if (before !== undefined)
      throw new ReplicaError('ERR_PEER_EXISTS', `${peer.id} is registered with another URL, note or live setting`)
    if (peer.id === this.#own.id) throw new ReplicaError('ERR_PEER_EXISTS', `${peer.id} is this replica`)
    this.#checkKeyFree(peer.publicKey)
    if (this.#peers.size >= REGISTRY_LIMITS.peersMax) {
      throw new ReplicaError('ERR_REGISTRY', `a registry has at most ${REGISTRY_LIMITS.peersMax} peers`)
    }
  }

  #checkKeyFree(publicKey: string): void {
    if (this.#ownKeys.has(publicKey)) throw new ReplicaError('ERR_PEER_EXISTS', 'the key is one of this replica')
    const other = this.#byKey.get(publicKey)
    if (other !== undefined) throw new ReplicaError('ERR_PEER_EXISTS', `the key is registered as ${other.id}`)
  }

  /** Writes the change, then makes it visible. */
  async #apply(change: {
    peers?: readonly Peer[]
    cuts?: readonly Cut[]
    removed?: Peer
    liftedKey?: string | undefined
  }): Promise<void> {
    const { peers = [], cuts = [], removed, liftedKey } = change
    const changes: RecordChange[] = []
    if (removed !== undefined) changes.push(removeEntry(this.frontier, 'peer', removed.publicKey))
    if (liftedKey !== undefined) changes.push(removeEntry(this.frontier, 'cut', liftedKey))
    changes.push(...peers.map(peer => writePeer(this.frontier, peer)), ...cuts.map(cut => writeCut(this.frontier, cut)))
    if (changes.length === 0) return
    await this.#records.write(changes)
    if (removed !== undefined) {
      this.#peers.delete(removed.id)
      this.#byKey.delete(removed.publicKey)
    }
    if (liftedKey !== undefined) this.#cuts.delete(liftedKey)
    for (const peer of peers) this.#index(peer)
    for (const cut of cuts) this.#cuts.set(cut.publicKey, cut)
    this.#changed()
  }

  #changed(): void {
    this.#digest = undefined
    this.#changes++
    this.#changeEvents.emit()
  }

  #index(peer: Peer): void {
    this.#peers.set(peer.id, peer)
    this.#byKey.set(peer.publicKey, peer)
  }
}
