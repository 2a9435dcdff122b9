// The public API of a replica. Each member delegates to a module of this folder.

import type { LiveMode } from '../admission/peer.ts'
import { toHex } from '../base/bytes.ts'
import { cidText } from '../cbor/cid.ts'
import type { Key } from '../crypto/key.ts'
import type { LoggedEvent } from '../event/event.ts'
import type { Action, IdPair } from '../graph/causal-closure.ts'
import type { CopyOptions, CopyReport } from '../store/copy-store.ts'
import {
  type AppendInput,
  type AppendInputs,
  type AppendOptions,
  type AppendReport,
  appendEvent,
  appendEvents,
  createFrontier,
  mergeHeads,
} from './append.ts'
import { type ChangesOptions, changesOf } from './changes.ts'
import { backUp } from './copy/backup.ts'
import type { Documents } from './documents.ts'
import { type EraseOptions, type EraseReport, type ErasureView, eraseText, erasuresOf } from './erase.ts'
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
import { frontierStatus, type StatusReport, storeStatus } from './status.ts'
import {
  type AdoptReport,
  adoptRegistry,
  type CloneOptions,
  type CloneReport,
  connectAndChoose,
  type ExchangeReport,
  exchangeWith,
  finishClone,
  type LocalSide,
  type SyncOptions,
  type SyncReport,
  syncWith,
} from './sync/sync-client.ts'
import { emptyReplicaPort, replicaPort } from './sync/sync-server.ts'
import { Texts } from './sync/texts.ts'
import { type VerifyOptions, type VerifyReport, verifyStore } from './verify.ts'

/** How to open a replica. */
export interface OpenOptions extends StoreOptions, ContextOptions {
  /**
   * Makes the observer that looks for conflicts after merges. Without one, reports name none.
   * `velaMergeObserver` of `frontier-replica/vela` is one.
   */
  readonly mergeObserver?: (replica: Replica) => MergeObserver
}

let contextIn: (replica: Replica) => ReplicaContext
let construct: (opened: OpenedReplica, options: OpenOptions) => Replica

/**
 * A store with a key and, for each frontier, a log of signed events and a registry of peers. A hub
 * serves a replica to others (`frontier-replica/hub`).
 *
 * @example
 * await using replica = await Replica.open({ location: './replica', create: true })
 * const { frontier } = await replica.createFrontier({ name: 'Example' })
 * await replica.registry(frontier).add({ id: 'hub:lab', url: 'wss://lab.example', publicKey })
 * const report = await replica.pull(frontier, 'hub:lab')
 * console.log(report.admitted, report.equal)
 */
export class Replica {
  readonly #context: ReplicaContext
  readonly #local: LocalSide

  static {
    contextIn = replica => replica.#context
    construct = (opened, options) => new Replica(opened, options)
  }

  private constructor(opened: OpenedReplica, options: OpenOptions) {
    this.#context = new ReplicaContext(opened, options)
    this.#local = { context: this.#context, port: replicaPort(this.#context, { openRead: false }) }
    if (options.mergeObserver !== undefined) this.#context.observer = options.mergeObserver(this)
  }

  /**
   * Opens the replica in a folder, or on an engine. With `create` an empty folder becomes a
   * replica.
   * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_VERSION,
   * ERR_KEY_FILE, ERR_PEER_ID
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

  /** The folder; empty for a replica on an engine. */
  get location(): string {
    return this.#context.location
  }

  /** Name of this replica, by which it registers at others: `hub:…`. */
  get hubId(): string {
    return this.#context.hubId
  }

  /** Key that signs new nodes. */
  get key(): Key {
    return this.#context.key
  }

  // ## Frontiers and peers

  /** Returns the names of the frontiers, in byte order. */
  frontiers(): string[] {
    return this.#context.store.frontiers()
  }

  /**
   * Returns the name, or the name of the only frontier.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN; ERR_USAGE if there are several
   */
  frontier(name?: string): string {
    return this.#context.resolveName(name)
  }

  /**
   * Creates a frontier. Its name is made from the id of its genesis event.
   * @throws ReplicaError ERR_USAGE for a blank name
   */
  createFrontier(options: { name: string; creator?: string }): Promise<AppendReport> {
    return createFrontier(this.#context, options)
  }

  /**
   * Accepts events of a frontier from now on.
   * @throws ReplicaError ERR_FRONTIER_ID
   */
  async track(frontier: string): Promise<void> {
    await this.#context.openFrontier(frontier)
  }

  /**
   * Returns the registry of a frontier. Its first `add` creates the frontier.
   * @throws ReplicaError ERR_FRONTIER_ID
   */
  registry(frontier: string): FrontierPeers {
    return new FrontierPeers(this.#context, frontier)
  }

  // ## Making events

  /**
   * Appends one event: a draft, or the JSON text of a draft or of a whole event. Durable when it
   * returns. Calls that wait at the same time share one commit.
   * @throws ReplicaError ERR_EVENT_SHAPE, ERR_EVENT_ID, ERR_EVENT_SIZE, ERR_EVENT_PARENT, ERR_JSON,
   * ERR_FRONTIER_UNKNOWN
   */
  append(frontier: string, event: AppendInput, options: AppendOptions = {}): Promise<AppendReport> {
    return appendEvent(this.#context, { frontier, event }, options)
  }

  /**
   * Appends events in their order, some hundred in one commit. All are durable when it returns. It
   * stops at the first event that fails, and events before that one stay.
   * @throws ReplicaError as `append`
   */
  appendAll(frontier: string, events: AppendInputs): Promise<AppendReport[]> {
    return appendEvents(this.#context, { frontier, events })
  }

  /**
   * Returns the documents of a frontier. Store a document first, then append the event that links
   * it.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
  documents(frontier: string): Documents {
    return this.#context.frontier(frontier).documents
  }

  /**
   * Returns the texts of a frontier: which are here, and how to fetch and drop them.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
  texts(frontier: string): Texts {
    const context = this.#context
    return new Texts({
      frontier: context.frontier(frontier),
      ownKeys: context.ownKeys,
      now: () => context.now(),
      pull: (peer, options) => this.pull(frontier, peer, options),
    })
  }

  /**
   * Appends the events of a log as a chain. `log` returns the JSON texts of single events; with
   * `strict` it is called twice. A failed import creates no frontier.
   * @throws ReplicaError ERR_FRONTIER_ID, ERR_ABORTED, ERR_JSON
   */
  import(frontier: string, log: LogReader, options: ImportOptions = {}): Promise<ImportReport> {
    return importFrontierEvents(this.#context, { frontier, log }, options)
  }

  /**
   * Joins the heads with a signed `frontier.merged` event.
   * @throws ReplicaError ERR_USAGE for fewer than two heads or a blank reason
   */
  merge(frontier: string, options: { reason: string; actor?: string }): Promise<AppendReport> {
    return mergeHeads(this.#context, frontier, options)
  }

  /**
   * Makes a new frontier from the events of this one, whose missing ancestors are not available.
   * @throws ReplicaError ERR_USAGE for a blank reason or a frontier without nodes
   */
  async fork(frontier: string, options: { reason: string }): Promise<ForkReport> {
    const report = await forkFrontier(this.#context, { base: this.#context.frontier(frontier), reason: options.reason })
    await this.#context.journal.write(frontier, 'frontier.forked', { fork: report.frontier, reason: options.reason })
    return report
  }

  /**
   * Erases the text of an event, given by its `vev_` id or the CID of a node: every replica that
   * admits the signed erasure deletes the text from its files. The key that signed a node erases
   * its text; the owner of the frontier erases the text at all nodes. With `local` the text is
   * deleted here only.
   * @throws ReplicaError ERR_NOT_FOUND; ERR_USAGE for a blank reason, an id of several events, the
   * text of an erasure, or a text that this replica may not erase
   */
  erase(frontier: string, reference: string, options: EraseOptions): Promise<EraseReport> {
    return eraseText(this.#context, { frontier, reference }, options)
  }

  /**
   * Returns the erasures that cover the node of a CID: who erased its text, and why.
   * @throws ReplicaError ERR_CID, ERR_FRONTIER_UNKNOWN
   */
  erasures(frontier: string, cid: string): Promise<ErasureView[]> {
    return erasuresOf(this.#context.frontier(frontier), cid)
  }

  // ## Looking

  /**
   * Yields the nodes, parents before children unless `reverse` is set.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_ABORTED
   */
  async *nodes(frontier: string, options: NodesOptions = {}): AsyncGenerator<NodeView> {
    yield* nodesOf(this.#context.frontier(frontier).log, options)
  }

  /**
   * Yields the events in replay order, each once even if several nodes carry it.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_ABORTED
   */
  async *events(frontier: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<NodeView> {
    yield* eventsOf(this.#context.frontier(frontier).log, options.signal)
  }

  /**
   * Yields nodes as they are committed, without end, from number `since`, else from now on. Ends
   * when the signal fires or the replica closes.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_USAGE
   */
  changes(frontier: string, options: ChangesOptions = {}): AsyncGenerator<NodeView> {
    return changesOf(this.#context.frontier(frontier), options, this.#context.closedSignal)
  }

  /**
   * Returns the node of a CID, or all nodes whose event has this `vev_` id.
   * @throws ReplicaError ERR_CID, ERR_EVENT_SHAPE
   */
  async get(reference: string, frontier?: string): Promise<NodeView[]> {
    const names = frontier === undefined ? this.frontiers() : [this.frontier(frontier)]
    const found: NodeView[] = []
    for (const name of names) {
      for (const row of await rowsByReference(this.#context.frontier(name).log, reference)) found.push(nodeView(row))
    }
    return found
  }

  /**
   * Returns the CIDs of the heads, in byte order of their digests.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
  heads(frontier: string): string[] {
    return this.#context
      .frontier(frontier)
      .log.heads()
      .map(head => cidText(head))
  }

  /**
   * Returns the SHA-256 over the sorted heads' digests, 64 hex digits. Equal digests mean equal
   * sets of nodes.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
  headsDigest(frontier: string): string {
    return toHex(this.#context.frontier(frontier).log.headsDigest())
  }

  /**
   * Returns what has to be fetched before these events can be merged. The cost depends on their
   * number, not on the log.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN
   */
  classify(frontier: string, incoming: readonly IdPair[]): Promise<Action> {
    return classifyStored(this.#context.frontier(frontier).log, incoming)
  }

  /**
   * Copies the store, with the key, to a folder while the replica is in use. The same call
   * continues an interrupted copy, and brings an earlier one up to date.
   * @throws ReplicaError ERR_STORE_EXISTS if the folder has another store, ERR_ABORTED, ERR_STORE_…
   */
  backup(folder: string, options: CopyOptions = {}): Promise<CopyReport> {
    return backUp(this.#context, folder, options)
  }

  /** Returns the state of the store, of each frontier, and of each peer. */
  async status(): Promise<StatusReport> {
    const context = this.#context
    const frontiers = await Promise.all(this.frontiers().map(name => frontierStatus(context, name)))
    const diskBytes = await context.store.diskBytes()
    const shared = await context.store.sharing?.status()
    return {
      hubId: context.hubId,
      publicKey: context.key.publicKey,
      diskBytes,
      ...storeStatus(context.store),
      ...(shared === undefined ? {} : { sharing: shared }),
      frontiers,
    }
  }

  /**
   * Checks the whole store; with `signatures` every signature too, with `erased` that no file
   * contains an erased text.
   * @throws ReplicaError ERR_ABORTED
   */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return verifyStore(
      this.#context.store,
      { verifier: this.#context.verifier, ownKeys: this.#context.ownKeys, folder: this.location },
      options,
    )
  }

  /**
   * Returns journal entries of a frontier, oldest first, after number `after`.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_JOURNAL
   */
  journal(frontier: string, options: { after?: number; limit: number }): Promise<JournalEntry[]> {
    return this.#context.journal.list(this.frontier(frontier), options)
  }

  /**
   * Yields the federation events that the journal records, oldest first.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_JOURNAL
   */
  journalEvents(frontier: string): AsyncGenerator<LoggedEvent> {
    return this.#context.journal.events(this.frontier(frontier))
  }

  // ## Syncing

  /**
   * Sends a registered peer the nodes that it lacks.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_FRONTIER_UNKNOWN, ERR_ABORTED, ERR_SYNC_…
   */
  push(frontier: string, peer: string, options: SyncOptions = {}): Promise<SyncReport> {
    return syncWith(this.#local, { frontier, peer, mode: 'push' }, options)
  }

  /**
   * Receives from a registered peer the nodes that this replica lacks.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_FRONTIER_UNKNOWN, ERR_ABORTED, ERR_SYNC_…
   */
  pull(frontier: string, peer: string, options: SyncOptions = {}): Promise<SyncReport> {
    return syncWith(this.#local, { frontier, peer, mode: 'pull' }, options)
  }

  /**
   * Exchanges nodes both ways, or one way, in one session.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_FRONTIER_UNKNOWN, ERR_ABORTED, ERR_SYNC_…
   */
  sync(
    frontier: string,
    peer: string,
    options: SyncOptions & { readonly mode?: LiveMode } = {},
  ): Promise<ExchangeReport> {
    return exchangeWith(this.#local, { frontier, peer, mode: options.mode ?? 'both' }, options)
  }

  /**
   * Follows a peer until the signal fires: new nodes of both sides flow at once, and a link that
   * ends is dialed again. Resolves with the conflicts that the received nodes opened.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_FRONTIER_UNKNOWN
   */
  live(frontier: string, peer: string, options: LiveOptions = {}): Promise<MergeReport> {
    return followPeer(this.#local, { frontier, peer }, options)
  }

  /**
   * Copies a peer's registry into this one, as a person decided, and admits the nodes held for its
   * keys.
   * @throws ReplicaError ERR_PEER_UNKNOWN, ERR_FRONTIER_UNKNOWN, ERR_REGISTRY, ERR_ABORTED,
   * ERR_SYNC_…
   */
  adopt(
    frontier: string,
    peer: string,
    options: SyncOptions & { readonly allowPlain?: boolean } = {},
  ): Promise<AdoptReport> {
    const { allowPlain = false } = options
    return adoptRegistry(this.#local, { frontier, peer, allowPlain }, options)
  }

  /**
   * Makes a new replica of a hub's frontier. Without `adoptRegistry` it knows only the hub's key,
   * and holds nodes of all other keys. Nothing is written before the hub has proved its key; `pull`
   * completes an interrupted clone.
   * @throws ReplicaError ERR_PEER_URL before it dials, ERR_KEY, ERR_STORE_EXISTS, and as `pull`
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

  /**
   * Replaces the key for new nodes. Nodes of the former key stay valid; peers have to rotate this
   * replica's key.
   * @throws ReplicaError ERR_REGISTRY
   */
  async rotateKey(): Promise<{ publicKey: string; former: string }> {
    const { key, former } = await this.#context.renewKey()
    const facts = { public_key: key.publicKey, former: former.publicKey }
    for (const name of this.frontiers()) await this.#context.journal.write(name, 'key.rotated', facts)
    return { publicKey: key.publicKey, former: former.publicKey }
  }

  /** Waits for running writes and closes the store. */
  close(): Promise<void> {
    return this.#context.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Returns a replica whose frontiers are not loaded yet: a hub learns its address first. */
export function newReplica(opened: OpenedReplica, options: OpenOptions): Replica {
  return construct(opened, options)
}

/** Returns the parts of a replica, for `projection` and `hub`. Not part of the public API. */
export function contextOf(replica: Replica): ReplicaContext {
  return contextIn(replica)
}
