// A replica: a store with its key and, for each frontier, its registry of peers. Everything a user does with frontiers goes
// through here: make and import events, push, pull and clone, register peers, look, verify. A hub is a replica that
// listens (hub.ts). The library logs nothing; `onEvent` tells what an operator should know.

import { toHex } from './bytes.ts'
import { cidText, parseCid } from './codec/cid.ts'
import { type Action, compareIds, type IdPair } from './dag/closure.ts'
import { ReplicaError } from './errors.ts'
import { HEADS_ALARM } from './limits.ts'
import { Author, type ReadyEvent } from './replica/authoring.ts'
import { type ForkReport, forkFrontier } from './replica/fork.ts'
import { Frontier } from './replica/frontier.ts'
import { type ImportOptions, type ImportReport, importLog, type LogReader } from './replica/import.ts'
import { Journal, type JournalEntry } from './replica/journal.ts'
import { type Opened, type OpenOptions, openParts, type ReplicaEvent, replaceKey, writeFormer } from './replica/open.ts'
import { FrontierPeers } from './replica/peers.ts'
import { carrier, checkName, chooseFrontier, inReplayOrder, isStored, seqsOf } from './replica/read.ts'
import { type Home, servicesOf } from './replica/services.ts'
import { type Dial, hubKey, reportOf, type SyncOptions, type SyncReport, withSession } from './replica/session.ts'
import { frontierStatus, type StatusReport } from './replica/status.ts'
import { type VerifyOptions, type VerifyReport, verifyStore } from './replica/verify.ts'
import { type NodeView, nodeView } from './replica/view.ts'
import type { Store } from './store/store.ts'
import type { Mode } from './sync/message.ts'
import type { Exchange, Services } from './transport/exchange.ts'
import { Gate } from './trust/gate.ts'
import { Key } from './trust/key.ts'
import { Registry } from './trust/registry.ts'
import { Verifier } from './trust/verifier.ts'
import { readDraft } from './vela/draft.ts'
import { type EventDraft, eventLabel, importEvent, makeEvent } from './vela/event.ts'
import { makeGenesis } from './vela/frontier.ts'
import { parseJson } from './vela/json.ts'
import { VERSION } from './version.ts'

export interface NodesOptions {
  /** First sequence number; only in arrival order. */
  readonly since?: number
  /** `arrival` (the default) is this store's order, `replay` the order every replica agrees on. */
  readonly order?: 'arrival' | 'replay'
  readonly reverse?: boolean
  readonly signal?: AbortSignal
}

export interface AppendReport {
  readonly frontier: string
  readonly cid: string
  /** The event's id, `vev_…`. */
  readonly event: string
  readonly seq: number
  readonly height: number
  readonly parents: readonly string[]
  /** A node carries this very event already: nothing was added and that node is described. */
  readonly known: boolean
}

export interface CloneOptions extends SyncOptions {
  readonly location: string | Store
  /** The hub's public key, 64 hex digits. */
  readonly key: string
  /** Which frontier, where the hub offers several. */
  readonly frontier?: string
  /** Take the hub's registry over as one's own declarations. */
  readonly adoptRegistry?: boolean
  readonly hubId?: string
  readonly allowPlain?: boolean
}

export interface AdoptReport {
  readonly frontier: string
  /** Ids registered now. */
  readonly adopted: readonly string[]
  /** Keys cut now, 64 hex digits each. */
  readonly cut: readonly string[]
  readonly skipped: readonly { id: string; reason: string }[]
  /** Nodes that the newly registered keys had held back. */
  readonly admitted: number
}

/** What a replica that does not exist yet has to offer in a session: nothing. */
const NO_HOME: Home = {
  frontiers: new Map(),
  records: undefined as never,
  storeId: new Uint8Array(16),
  openRead: false,
  onAdmitted: () => {},
}

export class Replica {
  readonly location: string
  readonly hubId: string
  readonly #store: Store
  readonly #verifier = new Verifier()
  readonly #frontiers = new Map<string, Frontier>()
  readonly #journal: Journal
  readonly #clock: () => Date
  readonly #onEvent: (event: ReplicaEvent) => void
  readonly #services: Services
  #key: Key
  #former: readonly string[]
  #closing: Promise<void> | undefined

  protected constructor(opened: Opened, options: OpenOptions, openRead = false) {
    this.location = opened.location
    this.hubId = opened.hubId
    this.#store = opened.store
    this.#key = opened.key
    this.#former = opened.former
    this.#clock = options.clock ?? (() => new Date())
    this.#onEvent = options.onEvent ?? (() => {})
    this.#journal = new Journal(this.#store.records, this.#clock)
    const home: Home = {
      frontiers: this.#frontiers,
      records: this.#store.records,
      storeId: this.#store.id,
      openRead,
      onAdmitted: frontier => this.#checkHeads(frontier),
    }
    this.#services = servicesOf(home)
  }

  /**
   * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_VERSION, ERR_KEY_FILE
   */
  static async open(options: OpenOptions): Promise<Replica> {
    const opened = await openParts(options)
    const replica = new Replica(opened, options)
    await replica.load()
    return replica
  }

  protected async load(): Promise<void> {
    for (const name of this.#store.frontiers()) await this.#load(name)
  }

  get key(): Key {
    return this.#key
  }

  /** What sessions ask of this replica. */
  protected get services(): Services {
    return this.#services
  }

  /** Where others reach this replica: nowhere, unless it is a hub. */
  protected ownAddress(): { url?: string } {
    return {}
  }

  protected tell(event: ReplicaEvent): void {
    this.#onEvent(event)
  }

  // ## Frontiers

  frontiers(): string[] {
    return this.#store.frontiers()
  }

  /** The named frontier, or the only one. @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_USAGE when it isn't clear which */
  frontier(name?: string): string {
    const names = this.frontiers()
    if (name !== undefined) {
      checkName(name)
      if (!names.includes(name)) throw new ReplicaError('ERR_FRONTIER_UNKNOWN', `${name} is not kept here`)
      return name
    }
    const [only] = names
    if (only === undefined)
      throw new ReplicaError('ERR_USAGE', 'no frontier is kept here yet: create, import, clone or track one')
    if (names.length > 1)
      throw new ReplicaError('ERR_USAGE', 'several frontiers are kept here: name one', {
        details: { frontiers: names },
      })
    return only
  }

  /** Makes a new frontier: its genesis event names it. */
  async createFrontier(options: { name: string; creator?: string }): Promise<AppendReport> {
    if (options.name.trim() === '') throw new ReplicaError('ERR_USAGE', 'a frontier needs a name')
    const genesis = makeGenesis({
      name: options.name,
      creator: options.creator ?? `replica/${VERSION}`,
      timestamp: this.#now(),
    })
    await this.track(genesis.frontier)
    return this.#append(this.#open(genesis.frontier), genesis)
  }

  /** Starts to accept a frontier. */
  async track(frontier: string): Promise<void> {
    checkName(frontier)
    if (!this.#frontiers.has(frontier)) await this.#load(frontier)
  }

  registry(frontier: string): FrontierPeers {
    checkName(frontier)
    return new FrontierPeers({
      name: frontier,
      frontier: async () => {
        await this.track(frontier)
        return this.#open(frontier)
      },
      journal: this.#journal,
      clock: this.#clock,
    })
  }

  // ## Making events

  /**
   * Adds one event: a draft, or the JSON text of a draft or of a whole event. Durable when it returns.
   * @throws ReplicaError ERR_EVENT_SHAPE, ERR_EVENT_ID, ERR_EVENT_SIZE, ERR_EVENT_PARENT, ERR_JSON, ERR_FRONTIER_UNKNOWN
   */
  async append(frontier: string, event: EventDraft | string | Uint8Array): Promise<AppendReport> {
    const isText = typeof event === 'string' || event instanceof Uint8Array
    const ready = isText ? this.#readyText(event) : makeEvent({ timestamp: this.#now(), ...event })
    return this.#append(this.#open(frontier), ready)
  }

  #readyText(text: string | Uint8Array): ReadyEvent {
    const value = parseJson(text)
    const whole = value instanceof Map && value.has('id')
    return whole ? importEvent(text) : makeEvent({ timestamp: this.#now(), ...readDraft(text) })
  }

  async #append(frontier: Frontier, event: ReadyEvent): Promise<AppendReport> {
    return frontier.exclusive(async () => {
      const author = new Author(frontier, this.#key)
      const [known] = await author.known([event])
      if (!known && (await author.build(event)) === undefined) {
        throw new ReplicaError(
          'ERR_EVENT_PARENT',
          `the event names a parent that is not here: ${event.head.parents?.join(', ')}`,
        )
      }
      await author.settled()
      const row = await carrier(frontier.log, event)
      const { cid, height, parents, seq } = nodeView(row)
      this.#checkHeads(frontier.log.name)
      return { frontier: frontier.log.name, cid, event: event.head.id, seq, height, parents, known: known === true }
    })
  }

  /** Adds the events of a log as a chain. `log` gives single events' JSON texts; with `strict` it is called twice. */
  async import(frontier: string, log: LogReader, options: ImportOptions = {}): Promise<ImportReport> {
    await this.track(frontier)
    const parts = this.#open(frontier)
    const report = await parts.exclusive(() => importLog({ frontier: parts, key: this.#key, log }, options))
    this.#checkHeads(frontier)
    return report
  }

  /** Joins all heads under a signed `frontier.merged` event. @throws ReplicaError ERR_USAGE with fewer than two heads */
  async merge(frontier: string, options: { reason: string; actor?: string }): Promise<AppendReport> {
    const heads = this.heads(frontier)
    if (heads.length < 2)
      throw new ReplicaError('ERR_USAGE', `${frontier} has ${heads.length} head(s): nothing to merge`)
    if (options.reason.trim() === '') throw new ReplicaError('ERR_USAGE', 'a merge needs a reason')
    return this.append(frontier, {
      kind: 'frontier.merged',
      target: { type: 'frontier', id: frontier },
      actor: options.actor === undefined ? { id: this.hubId, type: 'system' } : { id: options.actor },
      reason: options.reason,
      payload: { heads: heads.slice(0, 64), heads_digest: this.headsDigest(frontier) },
    })
  }

  /** A new frontier from this one's events, where ancestors are not to be had. Only on request, with a reason. */
  async fork(frontier: string, options: { reason: string }): Promise<ForkReport> {
    const report = await forkFrontier({
      base: this.#open(frontier),
      key: this.#key,
      hubId: this.hubId,
      reason: options.reason,
      timestamp: this.#now(),
      track: async name => {
        await this.track(name)
        return this.#open(name)
      },
    })
    await this.#journal.write(frontier, 'frontier.forked', { fork: report.frontier, reason: options.reason })
    return report
  }

  // ## Looking

  /** Nodes, parents before children in either order. */
  async *nodes(frontier: string, options: NodesOptions = {}): AsyncGenerator<NodeView> {
    const { log } = this.#open(frontier)
    const { order = 'arrival', since = 0, reverse = false, signal } = options
    const batches =
      order === 'arrival'
        ? log.scan({ from: since, to: log.nodes, reverse })
        : inReplayOrder(log, { reverse, twins: 'all' })
    for await (const rows of batches) {
      for (const row of rows) {
        if (signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'reading was aborted')
        yield nodeView(row)
      }
    }
  }

  /** The events in replay order, each once although several nodes may carry it. */
  async *events(frontier: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<NodeView> {
    for await (const rows of inReplayOrder(this.#open(frontier).log, { reverse: false, twins: 'once' })) {
      for (const row of rows) {
        if (options.signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'reading was aborted')
        yield nodeView(row)
      }
    }
  }

  /** The node of a CID, or all nodes whose event has this `vev_` id; none when there is none. @throws ReplicaError ERR_CID */
  async get(reference: string, frontier?: string): Promise<NodeView[]> {
    const names = frontier === undefined ? this.frontiers() : [this.frontier(frontier)]
    const digest = reference.startsWith('vev_') ? undefined : parseCid(reference).digest
    const found: NodeView[] = []
    for (const name of names) {
      const { log } = this.#open(name)
      const seqs = digest === undefined ? await log.labelled(eventLabel(reference)) : await seqsOf(log, digest)
      for (const row of await log.read(seqs)) found.push(nodeView(row))
    }
    return found
  }

  /** CIDs of the heads, in byte order of their digests. */
  heads(frontier: string): string[] {
    return this.#open(frontier)
      .log.heads()
      .map(head => cidText(head))
  }

  /** SHA-256 over the sorted heads' digests, 64 hex digits. Equal digests: equal sets of nodes. */
  headsDigest(frontier: string): string {
    return toHex(this.#open(frontier).log.headsDigest())
  }

  /** What would have to be fetched before these events could be merged; asks the index only for the parents they name. */
  async classify(frontier: string, incoming: readonly IdPair[]): Promise<Action> {
    const { log } = this.#open(frontier)
    const here = new Set(incoming.map(event => event.id))
    const missing = new Set<string>()
    for (const parent of new Set(incoming.flatMap(event => event.parents))) {
      if (!here.has(parent) && !(await isStored(log, parent))) missing.add(parent)
    }
    return missing.size === 0 ? { kind: 'proceed' } : { kind: 'fetch', missing: [...missing].sort(compareIds) }
  }

  async status(): Promise<StatusReport> {
    const frontiers = await Promise.all([...this.#frontiers].map(([name, frontier]) => frontierStatus(name, frontier)))
    frontiers.sort((a, b) => compareIds(a.frontier, b.frontier))
    return { hub_id: this.hubId, public_key: this.#key.publicKey, disk_bytes: await this.#store.diskBytes(), frontiers }
  }

  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return verifyStore(this.#store, this.#verifier, options)
  }

  /** This replica's own observations of a frontier, oldest first, after number `after`. */
  journal(frontier: string, options: { after?: number; limit: number }): Promise<JournalEntry[]> {
    return this.#journal.list(frontier, options)
  }

  // ## Syncing

  /** Sends a registered peer what it lacks. @throws ReplicaError ERR_PEER_UNKNOWN, ERR_SYNC_… */
  push(frontier: string, peer: string, options: SyncOptions = {}): Promise<SyncReport> {
    return this.#sync(frontier, peer, 'push', options)
  }

  /** Takes from a registered peer what is lacking here. @throws ReplicaError ERR_PEER_UNKNOWN, ERR_SYNC_… */
  pull(frontier: string, peer: string, options: SyncOptions = {}): Promise<SyncReport> {
    return this.#sync(frontier, peer, 'pull', options)
  }

  async #sync(frontier: string, peer: string, mode: Mode, options: SyncOptions): Promise<SyncReport> {
    const { url, public_key } = await this.registry(this.frontier(frontier)).require(peer)
    return withSession(this.#dial(url, public_key), options, exchange => this.#run(exchange, { frontier, peer, mode }))
  }

  async #run(exchange: Exchange, sync: { frontier: string; peer: string; mode: Mode }): Promise<SyncReport> {
    const channel = await exchange.open(sync.frontier, sync.mode)
    const { log, registry } = this.#open(sync.frontier)
    const ours = { heads: log.heads(), headsDigest: log.headsDigest(), registry: registry.digest() }
    const report = reportOf({ channel, exchange, peer: sync.peer, mode: sync.mode }, ours)
    const { admitted, held_count, refused_count } = report
    if (admitted + held_count + refused_count > 0) {
      const facts = {
        peer: sync.peer,
        admitted,
        held: held_count,
        refused: refused_count,
        heads_digest: report.heads_digest,
      }
      await this.#journal.write(sync.frontier, `sync.${sync.mode}`, facts)
    }
    return report
  }

  /**
   * A new replica of a hub's frontier. Without `adoptRegistry` it knows only the hub's key; what others made is held.
   * Nothing is made on disk before the hub has proved its key.
   */
  static async clone(url: string, options: CloneOptions): Promise<{ replica: Replica; report: SyncReport }> {
    const { location, hubId, adoptRegistry } = options
    const key = Key.generate()
    const dial = { url, expect: hubKey(options.key), key, hubId: hubId ?? `hub:${key.publicKey.slice(0, 8)}` }
    const found = await withSession({ ...dial, services: servicesOf(NO_HOME) }, options, async exchange => {
      const hub = (await exchange.ready).hub
      return { hub, frontier: chooseFrontier(await exchange.list(), options.frontier) }
    })
    const replica = await Replica.open({ location, create: true, key, ...(hubId === undefined ? {} : { hubId }) })
    try {
      const { frontier } = found
      const id = found.hub === replica.hubId ? `${found.hub}-origin` : found.hub
      const peer = { id, url, publicKey: options.key }
      await replica.registry(frontier).add({ ...peer, allowPlain: options.allowPlain === true })
      if (adoptRegistry) await replica.adopt(frontier, id, options)
      return { replica, report: await replica.pull(frontier, id, options) }
    } catch (error) {
      await replica.close()
      throw error
    }
  }

  /** Takes a peer's registry over as one's own declarations, because a person said so; admits what those keys held back. */
  async adopt(
    frontier: string,
    peer: string,
    options: SyncOptions & { allowPlain?: boolean } = {},
  ): Promise<AdoptReport> {
    const { url, public_key } = await this.registry(this.frontier(frontier)).require(peer)
    const bytes = await withSession(this.#dial(url, public_key), options, exchange => exchange.registry(frontier))
    const { registry, gate } = this.#open(frontier)
    const offer = registry.readOffer(bytes, hubKey(public_key))
    const { added, cut, skipped } = await registry.adopt(offer, {
      at: this.#now(),
      allowPlain: options.allowPlain === true,
    })
    const { admitted } = await gate.recheck()
    await this.#journal.write(frontier, 'registry.adopted', { peer, adopted: added, cut })
    return { frontier, adopted: added, cut, skipped, admitted }
  }

  #dial(url: string, publicKey: string): Dial {
    return { url, expect: hubKey(publicKey), key: this.#key, hubId: this.hubId, services: this.#services }
  }

  // ## Keys and the end

  /** A new key for what is made from now on. The former one stays registered as one's own; tell the peers to rotate. */
  async rotateKey(): Promise<{ public_key: string; former: string }> {
    if (this.location === '') throw new TypeError('a replica on a given engine has no key file')
    const next = Key.generate()
    const former = this.#key
    this.#former = [...this.#former, former.publicKey]
    await writeFormer(this.#store.records, this.#former)
    await replaceKey(this.location, former, next)
    this.#key = next
    for (const { registry } of this.#frontiers.values()) registry.renewOwn(next)
    for (const name of this.frontiers()) {
      await this.#journal.write(name, 'key.rotated', { public_key: next.publicKey, former: former.publicKey })
    }
    return { public_key: next.publicKey, former: former.publicKey }
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.allSettled([...this.#frontiers.values()].map(frontier => frontier.exclusive(async () => {})))
      await this.#verifier.close()
      await this.#store.close()
    })()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #load(name: string): Promise<void> {
    const log = await this.#store.track(name)
    const { held, records } = this.#store
    const own = { id: this.hubId, key: this.#key, former: this.#former, ...this.ownAddress() }
    const registry = await Registry.load(records, name, own)
    const gate = new Gate({ log, held, registry, verifier: this.#verifier })
    this.#frontiers.set(name, new Frontier({ log, held, registry, gate }))
  }

  #open(name: string): Frontier {
    const frontier = this.#frontiers.get(name)
    if (frontier === undefined) {
      checkName(name)
      throw new ReplicaError('ERR_FRONTIER_UNKNOWN', `${name} is not kept here`)
    }
    return frontier
  }

  #checkHeads(name: string): void {
    const { headCount } = this.#open(name).log
    if (headCount < HEADS_ALARM) return
    this.#onEvent({
      kind: 'alarm',
      message: `${name} has ${headCount} heads: merge them`,
      details: { frontier: name, heads: headCount },
    })
  }

  #now(): string {
    return this.#clock().toISOString()
  }
}
