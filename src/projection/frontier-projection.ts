// In-memory projection of a frontier's log: the state that replay computes, loaded on first use and
// updated by new nodes. It lists conflicts, and after a merge it returns the opened ones and writes
// them to the journal. It changes neither log nor registry. Spec: protocol/replay.md.

import type { Registry } from '../admission/registry.ts'
import { Emitter } from '../base/emitter.ts'
import { VIEW_LIMITS, WIRE_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import type { Timer } from '../base/timer.ts'
import type { Journal, JournalFacts } from '../replica/journal.ts'
import type { ReplicaContext, Resource } from '../replica/replica-context.ts'
import { type FrontierStore, withheldTexts } from '../store/store.ts'
import { type ComputedConflict, viewConflicts } from '../vela/state/field-conflicts.ts'
import type { View } from '../vela/state/state.ts'
import { CommitTimer } from './commit-timer.ts'
import { type ContestedConflict, contestedIn, firstOf, type ListedConflict, listConflicts } from './conflict-list.ts'
import { isAuthoritativeKey } from './event-index.ts'
import { InitialStateReader } from './initial-state.ts'
import { type ConflictSummary, ConflictTracker, shortened } from './opened-conflicts.ts'
import { type InitialState, Replayer, type ReplayProgress } from './replayer.ts'
import { ResolutionLog, type Settled } from './resolution-log.ts'

export type { ConflictSummary, InitialState, ReplayProgress }

const NO_SEEDS: InitialState = { genesis: [], proposals: [], actors: [] }

export interface ViewParts {
  readonly log: FrontierStore
  readonly registry: Registry
  readonly journal: Journal
  /** Name of this replica. */
  readonly hubId: string
  /** Returns findings, proposals and actors besides the events. Called at each update. */
  readonly initialState?: (() => Promise<InitialState>) | undefined
}

/**
 * The projections of one replica's frontiers: made on first use, updated after commits, closed with
 * the replica.
 */
class Projections implements Resource {
  readonly #context: ReplicaContext
  readonly #projections = new Map<string, { projection: FrontierProjection; stop: () => void }>()

  constructor(context: ReplicaContext) {
    this.#context = context
  }

  /** @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN */
  of(name: string): FrontierProjection {
    const existing = this.#projections.get(name)
    if (existing !== undefined) return existing.projection
    const frontier = this.#context.frontier(name)
    const { log, registry } = frontier
    const { journal, hubId } = this.#context
    const initial = new InitialStateReader(frontier)
    const projection = new FrontierProjection({ log, registry, journal, hubId, initialState: () => initial.read() })
    const { setTimer } = this.#context.network
    const timer = new CommitTimer(setTimer, () => this.#record(name, projection))
    let idle: Timer | undefined
    projection.onRead(() => {
      idle?.stop()
      idle = setTimer(VIEW_LIMITS.idleMsMax, () => projection.release())
    })
    const unsubscribes = [frontier.onCommit(() => timer.onCommit()), frontier.onTexts(() => projection.startOver())]
    const stop = (): void => {
      for (const unsubscribe of unsubscribes) unsubscribe()
      timer.stop()
      idle?.stop()
    }
    this.#projections.set(name, { projection, stop })
    return projection
  }

  #record(frontier: string, projection: FrontierProjection): void {
    if (!projection.isCurrent({ isAwaited: false })) return
    this.#context
      .runUntilClosed(async () => void (await projection.openedSince()))
      .catch((error: Error) => {
        // The store fails, or the replica is closing. Only the journal entry is lost.
        const message = `can't look for conflicts: ${error.message}`
        this.#context.emit({ kind: 'alarm', message, facts: { frontier } })
      })
  }

  async close(): Promise<void> {
    for (const { stop } of this.#projections.values()) stop()
    this.#projections.clear()
  }
}

export class FrontierProjection {
  /** Serializes the acceptance of proposals, so that each sees the results of earlier ones. */
  readonly acceptances = new Mutex()
  readonly #parts: ViewParts
  #resolutionLog: ResolutionLog
  #contested: ContestedConflict = { between: [], listed: [] }
  #replayer: Replayer | undefined
  #isUpdating = false
  /** Changes of texts so far, and those that the loaded view has seen. */
  #textChanges = 0
  #textsSeen = 0
  #tracker = new ConflictTracker()
  /** Number of nodes that the tracker has seen. */
  #trackedNodes = 0
  /** Nodes before this number opened no conflicts. A call without a number looks from here on. */
  #noted: number
  readonly #mutex = new Mutex()
  readonly #progress = new Emitter<ReplayProgress>()
  readonly #reads = new Emitter()
  /** Those that need it in memory. */
  readonly #holders = new Set<object>()

  /**
   * Returns the projection of a frontier. There is one in each replica, made on first use.
   * @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN
   */
  static of(context: ReplicaContext, name: string): FrontierProjection {
    return context.resource(Projections).of(name)
  }

  constructor(parts: ViewParts) {
    this.#parts = parts
    this.#noted = parts.log.nodes
    this.#resolutionLog = new ResolutionLog(parts)
  }

  /** Name of the frontier. */
  get frontier(): string {
    return this.#parts.log.name
  }

  /**
   * Number of nodes whose text is not here, although no rule took it away: it is wanted, or was
   * left out (protocol/text.md, X20). The view does not know what they say.
   */
  get withheld(): number {
    return withheldTexts(this.#parts.log)
  }

  /**
   * Drops what was computed, because texts of the log were changed. The next call computes it
   * again.
   */
  startOver(): void {
    this.#textChanges += 1
    if (!this.#isUpdating) this.#drop()
  }

  /**
   * Keeps it in memory until the returned function is called, which may be done twice.
   * @returns a function that ends this
   */
  hold(): () => void {
    const holder = {}
    this.#holders.add(holder)
    return () => {
      if (this.#holders.delete(holder)) this.#reads.emit()
    }
  }

  /**
   * Releases the memory unless somebody holds it; the next call computes the view again. An update
   * that runs ends first.
   */
  release(): void {
    if (this.#holders.size > 0) return
    this.#mutex.run(async () => this.#unload()).catch(() => {})
  }

  /** Calls the listener whenever the view is read, which an idle time is counted from. */
  onRead(listener: () => void): () => void {
    return this.#reads.on(listener)
  }

  #drop(): void {
    this.#unload()
    this.#tracker = new ConflictTracker()
    this.#trackedNodes = 0
  }

  /** Keeps which conflicts were opened and are in the journal; that is bounded. */
  #unload(): void {
    this.#replayer = undefined
    this.#contested = { between: [], listed: [] }
    this.#resolutionLog = new ResolutionLog(this.#parts)
  }

  /** Whether it is in memory: an update then costs what came since. */
  get isLoaded(): boolean {
    return this.#replayer !== undefined
  }

  /**
   * Whether the present state is known without long work. A short log always is. A longer one is if
   * the projection is loaded; a peer that waits (`isAwaited`) must not wait for an update that
   * runs, nor for one of a long log, which may replay most of it.
   */
  isCurrent({ isAwaited }: { isAwaited: boolean }): boolean {
    const { nodes } = this.#parts.log
    if (nodes <= VIEW_LIMITS.loadNodesMax) return true
    if (!isAwaited) return this.isLoaded
    return this.isLoaded && !this.#isUpdating && nodes <= VIEW_LIMITS.awaitedNodesMax
  }

  /**
   * Calls the listener with the progress of updates.
   * @returns a function that unsubscribes
   */
  watch(tell: (progress: ReplayProgress) => void): () => void {
    return this.#progress.on(tell)
  }

  /**
   * Updates and returns the view of all stored nodes. The next update changes the object; use
   * `read` to hold it.
   */
  update(): Promise<View> {
    return this.read(view => view)
  }

  /**
   * Calls `use` with the updated view. `use` must be synchronous: the view may change afterwards.
   */
  read<T>(use: (view: View) => T): Promise<T> {
    return this.#forReader(async () => use((await this.#advance()).view))
  }

  /**
   * Returns the computed conflicts, by finding, field and events; with `findings`, of these only.
   * At most VIEW_LIMITS.listedMax.
   */
  conflicts(findings?: Iterable<string>): Promise<ComputedConflict[]> {
    return this.read(view => firstOf(viewConflicts(view, findings), VIEW_LIMITS.listedMax))
  }

  /**
   * Returns the computed conflicts, then those between resolutions that set no field, by their ids.
   * At most VIEW_LIMITS.listedMax.
   */
  listed(findings?: Iterable<string>): Promise<ListedConflict[]> {
    const wanted = findings === undefined ? undefined : new Set(findings)
    return this.#forReader(async () => {
      const { view } = await this.#advance()
      return firstOf(listConflicts(view, this.#contested, wanted), VIEW_LIMITS.listedMax)
    })
  }

  /** Returns the conflict of this id, from all conflicts. */
  find(id: string): Promise<ListedConflict | undefined> {
    return this.#forReader(async () => {
      const { view } = await this.#advance()
      for (const conflict of listConflicts(view, this.#contested)) if (conflict.id === id) return conflict
      return undefined
    })
  }

  /** Returns recorded conflicts and resolutions of the log, under the present actors. */
  settled(): Promise<Settled> {
    return this.#forReader(async () => this.#resolutionLog.settled((await this.#advance()).view.authorities.actors))
  }

  /**
   * Returns the conflicts that the nodes from `fromSeq` on opened and that are still open; default:
   * since the last call. Writes new ones to the journal, with `facts`.
   */
  openedSince(fromSeq?: number, facts: JournalFacts = {}): Promise<ConflictSummary[]> {
    if (fromSeq !== undefined) this.#reads.emit()
    return this.#mutex.run(() => this.#noteMerged(fromSeq ?? this.#noted, facts))
  }

  /** Runs a task after earlier ones. The idle time begins again. */
  #forReader<T>(task: () => Promise<T>): Promise<T> {
    this.#reads.emit()
    return this.#mutex.run(task)
  }

  async #noteMerged(from: number, facts: JournalFacts): Promise<ConflictSummary[]> {
    const { nodes } = await this.#advance(from)
    this.#looked(from, nodes)
    const found = this.#tracker.since(from)
    const fresh = found.filter(({ recorded }) => !recorded)
    if (fresh.length > 0)
      await this.#record(
        fresh.map(({ conflict }) => conflict),
        facts,
      )
    for (const opening of fresh) opening.recorded = true
    return found.map(({ conflict }) => conflict)
  }

  /** A look at the end of the log does not cover earlier merges. */
  #looked(from: number, to: number): void {
    if (from <= this.#noted) this.#noted = Math.max(this.#noted, to)
  }

  #record(opened: readonly ConflictSummary[], facts: JournalFacts): Promise<void> {
    const conflicts = opened.slice(0, VIEW_LIMITS.openedListedMax).map(factsOf)
    return this.#parts.journal.write(this.#parts.log.name, 'conflicts.opened', {
      ...facts,
      count: opened.length,
      conflicts,
    })
  }

  /**
   * Updates the view in steps that end at the noted number and at `from`, so that earlier conflicts
   * can be told from later ones.
   */
  async #advance(from = this.#noted): Promise<Replayer> {
    const { log, registry, hubId, initialState } = this.#parts
    const to = log.nodes
    const texts = this.#textChanges
    if (texts !== this.#textsSeen) this.#drop()
    this.#textsSeen = texts
    this.#isUpdating = true
    try {
      const target = {
        initialState: initialState === undefined ? NO_SEEDS : await initialState(),
        registry: registry.changes,
        isAuthoritative: (key: Uint8Array) => isAuthoritativeKey(registry, hubId, key),
        onProgress: (progress: ReplayProgress) => this.#progress.emit(progress),
      }
      this.#replayer ??= new Replayer(log, target.initialState)
      for (const stop of [Math.min(this.#noted, from), from])
        if (this.#replayer.nodes < stop && stop >= this.#trackedNodes)
          await this.#step(this.#replayer, { ...target, to: stop })
      await this.#step(this.#replayer, { ...target, to })
      return this.#replayer
    } catch (error) {
      // A partial update is dropped; the next call starts again.
      this.#drop()
      // A text that the update had counted on was taken out meanwhile.
      if (texts !== this.#textChanges) return this.#advance(from)
      throw error
    } finally {
      this.#isUpdating = false
    }
  }

  async #step(replaying: Replayer, target: Parameters<Replayer['advance']>[0]): Promise<void> {
    const touched = await replaying.advance(target)
    const { view } = replaying
    this.#contested = contestedIn(view, await this.#resolutionLog.settled(view.authorities.actors, target.to))
    this.#tracker.update({ view, contested: this.#contested }, touched, target.to)
    this.#trackedNodes = target.to
  }
}

/** Returns the facts of a conflict in a journal entry, whose size is limited. */
function factsOf({ id, findingId, kind, events, state }: ConflictSummary): JournalFacts {
  return {
    id: shortened(id),
    ...(findingId !== undefined && { finding_id: findingId }),
    ...(kind !== undefined && { kind: shortened(kind) }),
    events: events.slice(0, WIRE_LIMITS.openedEventsMax),
    ...(state === 'contested' && { state }),
  }
}
