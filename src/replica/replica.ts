// A replica: a store with its key and, for each frontier, its registry of peers. Everything a user does with frontiers goes
// through here: make and import events, push, pull and clone, register peers, look, verify. A hub is a replica that
// listens (hub.ts). The work is done in replica/; this is the list of what can be asked for.

import type { LiveMode } from '../admission/peer.ts'
import { toHex } from '../base/bytes.ts'
import { cidText } from '../cbor/cid.ts'
import type { Key } from '../crypto/key.ts'
import type { LoggedEvent } from '../event/event.ts'
import type { Action, IdPair } from '../graph/causal-closure.ts'
import type { ReplicaPort } from '../transport/session.ts'
import {
  type AppendInput,
  type AppendOptions,
  type AppendReport,
  appendEvent,
  createFrontier,
  mergeHeads,
} from './append.ts'
import { type ChangesOptions, changesOf } from './changes.ts'
import type { Documents } from './documents.ts'
import { type ForkReport, forkFrontier } from './fork.ts'
import { importFrontierEvents } from './import/import-frontier.ts'
import type { ImportOptions, ImportReport, LogReader } from './import/import-reader.ts'
import type { JournalEntry } from './journal.ts'
import { followPeer, type LiveOptions } from './links/follow-peer.ts'
import { classifyStored, eventsOf, type NodesOptions, nodesOf, rowsByReference } from './log-reader.ts'
import type { MergeObserver, MergeReport } from './merge-observer.ts'
import { type NodeView, nodeView } from './node-view.ts'
import {
  type ContextOptions,
  type OpenedReplica,
  openParts,
  refuseExisting,
  type StoreOptions,
} from './open-replica.ts'
import { FrontierPeers } from './peers.ts'
import { ReplicaContext } from './replica-context.ts'
import { frontierStatus, type StatusReport } from './status.ts'
import {
  type AdoptReport,
  adoptRegistry,
  type CloneOptions,
  type CloneReport,
  connectAndChoose,
  type ExchangeReport,
  exchangeWith,
  finishClone,
  type SyncOptions,
  type SyncReport,
  syncWith,
} from './sync/sync-client.ts'
import { emptyReplicaPort, replicaPort } from './sync/sync-server.ts'
import { type VerifyOptions, type VerifyReport, verifyStore } from './verify.ts'

export interface OpenOptions extends StoreOptions, ContextOptions {
  /** Makes the observer that looks for conflicts after merges; without one reports don't name any. */
  readonly mergeObserver?: (replica: Replica) => MergeObserver
}

let contextIn: (replica: Replica) => ReplicaContext
let construct: (opened: OpenedReplica, options: OpenOptions) => Replica

export class Replica {
  readonly #context: ReplicaContext
  readonly #port: ReplicaPort

  static {
    contextIn = replica => replica.#context
    construct = (opened, options) => new Replica(opened, options)
  }

  private constructor(opened: OpenedReplica, options: OpenOptions) {
    this.#context = new ReplicaContext(opened, options)
    this.#port = replicaPort(this.#context, { openRead: false })
    if (options.mergeObserver !== undefined) this.#context.observer = options.mergeObserver(this)
  }

  /**
   * Opens the replica in a folder, or on an engine; with `create` it is made where there is none.
   * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_VERSION, ERR_KEY_FILE
   */
  static async open(options: OpenOptions): Promise<Replica> {
    const replica = new Replica(await openParts(options), options)
    try {
      await replica.#context.load()
      return replica
    } catch (error) {
      await replica.close()
      throw error
    }
  }

  /** The folder; empty for a replica on a given engine. */
  get location(): string {
    return this.#context.location
  }

  get hubId(): string {
    return this.#context.hubId
  }

  get key(): Key {
    return this.#context.key
  }

  // ## Frontiers and peers

  /** Names of the frontiers kept here, in byte order. */
  frontiers(): string[] {
    return this.#context.store.frontiers()
  }

  /** The named frontier, or the only one. @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_USAGE when it isn't clear which */
  frontier(name?: string): string {
    return this.#context.resolveName(name)
  }

  /** Makes a new frontier: its genesis event names it. */
  createFrontier(options: { name: string; creator?: string }): Promise<AppendReport> {
    return createFrontier(this.#context, options)
  }

  /** Starts to keep a frontier. @throws ReplicaError ERR_FRONTIER_ID */
  async track(frontier: string): Promise<void> {
    await this.#context.openFrontier(frontier)
  }

  /** The peers of a frontier; asking for them tracks it. @throws ReplicaError ERR_FRONTIER_ID */
  registry(frontier: string): FrontierPeers {
    return new FrontierPeers(this.#context, frontier)
  }

  // ## Making events

  /**
   * Adds one event: a draft, or the JSON text of a draft or of a whole event. Both are read alike. Durable when it returns.
   * @throws ReplicaError ERR_EVENT_SHAPE, ERR_EVENT_ID, ERR_EVENT_SIZE, ERR_EVENT_PARENT, ERR_JSON, ERR_FRONTIER_UNKNOWN
   */
  append(frontier: string, event: AppendInput, options: AppendOptions = {}): Promise<AppendReport> {
    return appendEvent(this.#context, frontier, event, options)
  }

  /** What nodes of the frontier link: put a document first, then append the event with its link. @throws ERR_FRONTIER_UNKNOWN */
  documents(frontier: string): Documents {
    return this.#context.frontier(frontier).documents
  }

  /** Adds the events of a log as a chain. `log` gives single events' JSON texts; with `strict` it is called twice. One that fails keeps no frontier that was not kept. */
  import(frontier: string, log: LogReader, options: ImportOptions = {}): Promise<ImportReport> {
    return importFrontierEvents(this.#context, { frontier, log }, options)
  }

  /** Joins the heads under a signed `frontier.merged` event. @throws ReplicaError ERR_USAGE with fewer than two heads */
  merge(frontier: string, options: { reason: string; actor?: string }): Promise<AppendReport> {
    return mergeHeads(this.#context, frontier, options)
  }

  /** A new frontier from this one's events, where ancestors are not to be had. Only on request, with a reason. */
  async fork(frontier: string, options: { reason: string }): Promise<ForkReport> {
    const report = await forkFrontier(this.#context, { base: this.#context.frontier(frontier), reason: options.reason })
    await this.#context.journal.write(frontier, 'frontier.forked', { fork: report.frontier, reason: options.reason })
    return report
  }

  // ## Looking

  /** Nodes, parents before their children unless `reverse`. */
  async *nodes(frontier: string, options: NodesOptions = {}): AsyncGenerator<NodeView> {
    yield* nodesOf(this.#context.frontier(frontier).log, options)
  }

  /** The events in replay order, each once although several nodes may carry it. */
  async *events(frontier: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<NodeView> {
    yield* eventsOf(this.#context.frontier(frontier).log, options.signal)
  }

  /** Nodes as they are merged, without end, from number `since` (else from now) on; ends with the signal, or the replica. */
  changes(frontier: string, options: ChangesOptions = {}): AsyncGenerator<NodeView> {
    return changesOf(this.#context.frontier(frontier), options, this.#context.closedSignal)
  }

  /** The node of a CID, or all nodes whose event has this `vev_` id. @throws ReplicaError ERR_CID, ERR_EVENT_SHAPE */
  async get(reference: string, frontier?: string): Promise<NodeView[]> {
    const names = frontier === undefined ? this.frontiers() : [this.frontier(frontier)]
    const found: NodeView[] = []
    for (const name of names) {
      for (const row of await rowsByReference(this.#context.frontier(name).log, reference)) found.push(nodeView(row))
    }
    return found
  }

  /** CIDs of the heads, in byte order of their digests. */
  heads(frontier: string): string[] {
    return this.#context
      .frontier(frontier)
      .log.heads()
      .map(head => cidText(head))
  }

  /** SHA-256 over the sorted heads' digests, 64 hex digits. Equal digests: equal sets of nodes. */
  headsDigest(frontier: string): string {
    return toHex(this.#context.frontier(frontier).log.headsDigest())
  }

  /** What would have to be fetched before these events could be merged; costs their number, not the log's. */
  classify(frontier: string, incoming: readonly IdPair[]): Promise<Action> {
    return classifyStored(this.#context.frontier(frontier).log, incoming)
  }

  async status(): Promise<StatusReport> {
    const context = this.#context
    const frontiers = await Promise.all(this.frontiers().map(name => frontierStatus(context, name)))
    const diskBytes = await context.store.diskBytes()
    return { hubId: context.hubId, publicKey: context.key.publicKey, diskBytes, frontiers }
  }

  /** Reads everything once more; with `signatures` checks every signature too. */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return verifyStore(
      this.#context.store,
      { verifier: this.#context.verifier, ownKeys: this.#context.ownKeys },
      options,
    )
  }

  /** This replica's own observations of a frontier, oldest first, after number `after`. */
  journal(frontier: string, options: { after?: number; limit: number }): Promise<JournalEntry[]> {
    return this.#context.journal.list(this.frontier(frontier), options)
  }

  /** The federation events that this replica's journal records, oldest first. */
  journalEvents(frontier: string): AsyncGenerator<LoggedEvent> {
    return this.#context.journal.events(this.frontier(frontier))
  }

  // ## Syncing

  /** Sends a registered peer what it lacks. @throws ReplicaError ERR_PEER_UNKNOWN, ERR_SYNC_… */
  push(frontier: string, peer: string, options: SyncOptions = {}): Promise<SyncReport> {
    return syncWith(this.#context, this.#port, { frontier, peer, mode: 'push' }, options)
  }

  /** Takes from a registered peer what is lacking here. @throws ReplicaError ERR_PEER_UNKNOWN, ERR_SYNC_… */
  pull(frontier: string, peer: string, options: SyncOptions = {}): Promise<SyncReport> {
    return syncWith(this.#context, this.#port, { frontier, peer, mode: 'pull' }, options)
  }

  /** Both at once, or one way, in one session. @throws ReplicaError ERR_PEER_UNKNOWN, ERR_SYNC_… */
  sync(
    frontier: string,
    peer: string,
    options: SyncOptions & { readonly mode?: LiveMode } = {},
  ): Promise<ExchangeReport> {
    return exchangeWith(this.#context, this.#port, { frontier, peer, mode: options.mode ?? 'both' }, options)
  }

  /** Follows a peer until the signal: what either side merges flows on; a link that ends is dialled again. Then: what that opened here. */
  live(frontier: string, peer: string, options: LiveOptions = {}): Promise<MergeReport> {
    return followPeer(this.#context, this.#port, { frontier, peer }, options)
  }

  /** Takes a peer's registry over as one's own declarations, because a person said so; admits what those keys held back. */
  adopt(
    frontier: string,
    peer: string,
    options: SyncOptions & { readonly allowPlain?: boolean } = {},
  ): Promise<AdoptReport> {
    const { allowPlain = false } = options
    return adoptRegistry(this.#context, this.#port, { frontier, peer, allowPlain }, options)
  }

  /**
   * A new replica of a hub's frontier. Without `adoptRegistry` it knows only the hub's key; what others made is held.
   * Nothing is made on disk before the hub has proved its key; what a cut leaves is completed by `pull`.
   * @throws ReplicaError ERR_PEER_URL before anything is dialled, ERR_KEY, ERR_STORE_EXISTS, and as `pull`
   */
  static async clone(
    url: string,
    options: CloneOptions & Pick<OpenOptions, 'mergeObserver'>,
  ): Promise<{ replica: Replica } & CloneReport> {
    const { location, hubId, mergeObserver } = options
    const { key, ...found } = await connectAndChoose(url, options, emptyReplicaPort)
    if (typeof location === 'string') await refuseExisting(location)
    const replica = await Replica.open({
      ...{ location, create: true, key },
      ...(hubId !== undefined && { hubId }),
      ...(mergeObserver !== undefined && { mergeObserver }),
    })
    try {
      return { replica, ...(await finishClone(replica, { url, ...found }, options)) }
    } catch (error) {
      await replica.close()
      throw error
    }
  }

  // ## Key and end

  /** A new key for what is made from now on. What the former one signed stays; peers have to rotate this replica's key. */
  async rotateKey(): Promise<{ publicKey: string; former: string }> {
    const { key, former } = await this.#context.renewKey()
    const facts = { public_key: key.publicKey, former: former.publicKey }
    for (const name of this.frontiers()) await this.#context.journal.write(name, 'key.rotated', facts)
    return { publicKey: key.publicKey, former: former.publicKey }
  }

  /** Waits for what is being written and closes the store. */
  close(): Promise<void> {
    return this.#context.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A replica whose frontiers are not loaded yet: a hub learns its address first. */
export function newReplica(opened: OpenedReplica, options: OpenOptions): Replica {
  return construct(opened, options)
}

/** The parts of a replica, for the packages built on it. Not part of the public API. */
export function contextOf(replica: Replica): ReplicaContext {
  return contextIn(replica)
}
