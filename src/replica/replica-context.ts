// Parts of an open replica: store, key, journal, one verifier, and each frontier's log, registry
// and gate. A process has exactly one gate per frontier, and everything that admits nodes uses it.

import { Registry } from '../admission/registry.ts'
import { TextPolicy } from '../admission/text-policy.ts'
import { toHex } from '../base/bytes.ts'
import { Emitter } from '../base/emitter.ts'
import { ReplicaError } from '../base/errors.ts'
import { checkFrontierId } from '../base/frontier-id.ts'
import { HEADS_ALARM, REGISTRY_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { compareText } from '../base/text.ts'
import { Key } from '../crypto/key.ts'
import { VerifierPool } from '../crypto/verifier-pool.ts'
import { MemoryStore } from '../store/memory-store.ts'
import type { ForeignChange, FrontierStore, Store, Wait } from '../store/store.ts'
import type { WriteRefusal } from '../store/store-health.ts'
import { checkLogMembers } from '../store/store-members.ts'
import type { Channel } from '../sync/connection.ts'
import { SessionScheduling } from '../transport/scheduler.ts'
import type { LiveRound } from '../transport/session.ts'
import { Frontier } from './frontier.ts'
import { loadIdentity } from './identity.ts'
import { Journal } from './journal.ts'
import { NETWORK_HOOKS, type NetworkHooks } from './links/backoff.ts'
import { type MergeObserver, NO_OBSERVER } from './merge-observer.ts'
import type { ContextOptions, OpenedReplica, ReplicaEvent } from './open-replica.ts'
import { PeerSyncTracker } from './sync/peer-sync-tracker.ts'

/** An object that is closed with its replica. */
export interface Resource {
  close(): Promise<void>
}

export class ReplicaContext {
  readonly location: string
  readonly hubId: string
  readonly store: Store
  readonly verifier = new VerifierPool({ onThreadless: () => this.#tellThreadless() })
  readonly frontiers = new Map<string, Frontier>()
  readonly journal: Journal
  readonly peerSync: PeerSyncTracker
  readonly network: NetworkHooks
  /** Scheduling that all sessions of this replica share. */
  readonly scheduling: SessionScheduling
  readonly emit: (event: ReplicaEvent) => void
  /** URL under which others reach this replica; undefined unless a hub listens. */
  address: string | undefined
  /** Called before and after merges. Set once, before the first merge. */
  observer: MergeObserver = NO_OBSERVER
  readonly #resources = new Map<unknown, Resource>()
  readonly #clock: () => Date
  readonly #over = new AbortController()
  /** Tasks that must end before the store is closed. */
  readonly #tasks = new Set<Promise<unknown>>()
  readonly #registryChanges = new Emitter()
  #key: Key
  #former: readonly string[]
  /** The key that was replaced at this opening. */
  readonly #replaced: string | undefined
  /** Opens one frontier at a time, so that none gets a second gate. */
  readonly #openMutex = new Mutex()
  #closing: Promise<void> | undefined

  constructor(opened: OpenedReplica, options: ContextOptions) {
    this.location = opened.location
    this.hubId = opened.hubId
    this.store = opened.store
    this.#key = opened.key
    this.#former = opened.former
    this.#replaced = opened.replaced
    this.#clock = options.clock ?? (() => new Date())
    this.emit = options.onEvent ?? (() => {})
    this.store.sharing?.subscribe(change => this.#noteForeign(change))
    this.store.health?.onChange(refusal => this.#tellHealth(refusal))
    this.network = { ...NETWORK_HOOKS, ...options.network }
    const { setTimer, microsPerChannel } = this.network
    this.scheduling = new SessionScheduling({ microsPerChannel })
    this.peerSync = new PeerSyncTracker(this.store.records, { now: () => this.now(), setTimer })
    const { records, sharing } = this.store
    this.journal = new Journal(records, { clock: this.#clock, key: () => this.#key, sharing })
  }

  get key(): Key {
    return this.#key
  }

  /** Present and former public keys, 64 hex digits each. */
  get ownKeys(): ReadonlySet<string> {
    return new Set([this.#key.publicKey, ...this.#former])
  }

  /** Returns the present time, RFC 3339. */
  now(): string {
    return this.#clock().toISOString()
  }

  /** Fires when the replica starts to close. */
  get closedSignal(): AbortSignal {
    return this.#over.signal
  }

  /** Runs a task that ends when `closedSignal` fires. The store stays open until then. */
  runUntilClosed<T>(task: () => Promise<T>): Promise<T> {
    const run = task()
    this.#tasks.add(run)
    const ended = (): void => void this.#tasks.delete(run)
    run.then(ended, ended)
    return run
  }

  /**
   * Returns this replica's object of the given class: made on first use, closed with the replica.
   */
  resource<T extends Resource>(Type: new (context: ReplicaContext) => T): T {
    const existing = this.#resources.get(Type)
    if (existing !== undefined) return existing as T
    const made = new Type(this)
    this.#resources.set(Type, made)
    return made
  }

  /**
   * Calls the listener after each change of a registry and when a frontier is opened.
   * @returns a function that unsubscribes
   */
  subscribe(listener: () => void): () => void {
    return this.#registryChanges.on(listener)
  }

  /** Records the state of a peer after a channel that it opened caught up, ended or had a round. */
  recordExchange(name: string, key: Uint8Array, news: Channel | LiveRound): void {
    const frontier = this.frontiers.get(name)
    if (frontier?.registry.byKey(key) === undefined) return
    this.peerSync.of(frontier, toHex(key)).then(
      syncState => ('direction' in news ? syncState.round(news) : syncState.channel(news)),
      () => {}, // a store that can't be read fails other calls too
    )
  }

  #tellThreadless(): void {
    const message =
      'signatures are verified without threads, which is slower: their files are not beside this program (docs/embedding.md)'
    this.emit({ kind: 'alarm', message, facts: {} })
  }

  /**
   * Reads all registries again from the store.
   * @throws ReplicaError ERR_STORE_CORRUPT
   */
  async reload(): Promise<void> {
    for (const { registry } of this.frontiers.values()) await registry.reload()
  }

  async load(): Promise<void> {
    const { loss } = this.store.held
    if (loss !== undefined) this.emit({ kind: 'alarm', message: `${loss}; peers offer it again`, facts: {} })
    if (this.store.sharing?.isReplicated === false) {
      const message = 'the database acknowledges commits before a second machine has them'
      this.emit({ kind: 'alarm', message, facts: {} })
    }
    for (const name of this.store.frontiers()) await this.openFrontier(name)
    if (this.#replaced === undefined) return
    const facts = { public_key: this.#key.publicKey, former: this.#replaced }
    for (const name of this.store.frontiers()) await this.journal.write(name, 'key.rotated', facts)
  }

  /**
   * Opens a frontier, and creates it if needed. Calls are serialized, so that none makes a second
   * gate.
   */
  openFrontier(name: string): Promise<Frontier> {
    checkFrontierId(name)
    return this.#openMutex.run(async () => {
      const kept = this.frontiers.get(name)
      if (kept !== undefined) return kept
      const frontier = await this.#load(name)
      this.frontiers.set(name, frontier)
      frontier.registry.subscribe(() => this.#registryChanges.emit())
      this.#registryChanges.emit()
      return frontier
    })
  }

  /**
   * Returns an empty frontier of this name in memory. It refuses the same input as a stored one.
   */
  async inMemoryFrontier(name: string): Promise<Frontier> {
    checkFrontierId(name)
    return this.#make(name, new MemoryStore())
  }

  async #load(name: string): Promise<Frontier> {
    const { held } = this.store
    const frontier = await this.#make(name, this.store)
    await this.#retireFormer(frontier)
    await frontier.gate.finishErasures()
    // A new own key may be the author of nodes that were held until now.
    const ownNodes: Wait = { kind: 'key', id: this.#key.publicKeyBytes }
    if ((await held.findByWait(name, ownNodes, 1)).length > 0) await frontier.gate.release(ownNodes)
    return frontier
  }

  async #make(name: string, store: Store): Promise<Frontier> {
    const { held, records, sharing } = store
    const log = await store.track(name)
    checkLogMembers(log)
    const url = this.address === undefined ? {} : { url: this.address }
    const own = { id: this.hubId, key: this.#key, former: this.#former, ...url }
    const registry = await Registry.load(records, name, { ...own, sharing })
    const policy = await TextPolicy.load(records, name)
    return new Frontier({ log, held, records, registry, policy, verifier: this.verifier, sharing })
  }

  /** Takes a change into account that another process made. */
  #noteForeign(change: ForeignChange): void {
    if (change.kind === 'frontier') {
      // A frontier that can't be opened fails the calls that name it.
      this.openFrontier(change.frontier).catch(() => {})
    } else if (change.kind === 'records') {
      for (const frontier of this.frontiers.values()) frontier.noteForeign(change)
    } else this.frontiers.get(change.frontier)?.noteForeign(change)
  }

  /** @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN */
  frontier(name: string): Frontier {
    const frontier = this.frontiers.get(name)
    if (frontier !== undefined) return frontier
    checkFrontierId(name)
    throw new ReplicaError('ERR_FRONTIER_UNKNOWN', `this store does not have ${name}`)
  }

  /**
   * Returns the named frontier, or the only one.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN; ERR_USAGE if there are several
   */
  resolveName(name: string | undefined): string {
    if (name !== undefined) return this.frontier(name).log.name
    const names = [...this.frontiers.keys()].sort(compareText)
    const [only] = names
    if (only === undefined) {
      throw new ReplicaError('ERR_USAGE', 'the store has no frontier yet: create, import, clone or track one')
    }
    if (names.length > 1) {
      const facts = { frontiers: names }
      throw new ReplicaError('ERR_USAGE', 'the store has several frontiers: name one with --frontier', { facts })
    }
    return only
  }

  /** Emits an alarm when the store begins to refuse writes, and an event when it accepts them. */
  #tellHealth(refusal: WriteRefusal | undefined): void {
    if (refusal === undefined)
      return this.emit({ kind: 'session', message: 'the store accepts writes again', facts: {} })
    const { code, message, facts } = refusal.error
    const hint = typeof facts.hint === 'string' ? `; ${facts.hint}` : ''
    this.emit({ kind: 'alarm', message: `the store refuses writes: ${message}${hint}`, facts: { code } })
  }

  /** Emits an alarm if the frontier has many heads, which make every handshake long. */
  checkHeads(name: string): void {
    const { headCount } = this.frontier(name).log
    if (headCount < HEADS_ALARM) return
    const message = `${name} has ${headCount} heads: merge them`
    this.emit({ kind: 'alarm', message, facts: { frontier: name, heads: headCount } })
  }

  /**
   * Replaces the replica's key. The former key is cut in each frontier at the present heads, and
   * its nodes up to there stay valid. Each step is durable.
   * @throws ReplicaError ERR_REGISTRY, before any change, if a frontier has more heads than a cut
   * may have
   */
  async renewKey(): Promise<{ key: Key; former: Key }> {
    if (this.location === '') throw new TypeError('a replica on a given store engine has no key file')
    for (const { log } of this.frontiers.values()) checkCuttable(log)
    const present = this.#key
    const { key, former } = await loadIdentity({ folder: this.location, records: this.store.records }, Key.generate())
    this.#former = former
    this.#key = key
    for (const { registry } of this.frontiers.values()) registry.renewOwn(key)
    for (const frontier of this.frontiers.values()) await this.#retireFormer(frontier)
    return { key, former: present }
  }

  /**
   * Cuts former own keys that are not cut yet, also after a crash. An empty log has no heads for a
   * cut.
   */
  async #retireFormer(frontier: Frontier): Promise<void> {
    const { registry, gate, log } = frontier
    const retire = async (): Promise<void> => {
      if (log.nodes === 0 || log.headCount > REGISTRY_LIMITS.cutHeadsMax) return
      for (const publicKey of registry.formerKeys)
        await registry.retire(publicKey, { heads: log.heads(), at: this.now() })
    }
    if (registry.formerKeys.length === 0) return
    // After running local events, which may be signed with the former key.
    await frontier.exclusive(() => gate.exclusive(retire))
  }

  close(): Promise<void> {
    this.#over.abort()
    this.#closing ??= (async () => {
      await Promise.allSettled([...this.#resources.values()].map(one => one.close()))
      await Promise.allSettled(this.#tasks)
      await this.peerSync.flush().catch(() => {}) // the next exchange restores the records
      await Promise.allSettled([...this.frontiers.values()].map(frontier => frontier.exclusive(async () => {})))
      await this.verifier.close()
      await this.store.close()
    })()
    return this.#closing
  }
}

function checkCuttable({ name, headCount }: FrontierStore): void {
  if (headCount <= REGISTRY_LIMITS.cutHeadsMax) return
  throw new ReplicaError('ERR_REGISTRY', `${name} has ${headCount} heads; merge them, then replace the key`)
}
