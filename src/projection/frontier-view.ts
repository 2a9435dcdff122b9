// A live view of a frontier's findings, for programs that show them. A snapshot is one object that
// does not change; a listener is told when there is another one. A finding that new events do not
// touch keeps its object, so a user interface can compare by identity. Spec: protocol/replay.md,
// R13.

import { Emitter } from '../base/emitter.ts'
import { fromJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import type { Frontier } from '../replica/frontier.ts'
import { contextOf, type Replica } from '../replica/replica.ts'
import { type FindingRow, type ViewRows, viewObjects, viewRows } from '../vela/state/read-out.ts'
import type { View } from '../vela/state/state.ts'
import type { ListedConflict } from './conflict-list.ts'
import { FrontierProjection } from './frontier-projection.ts'

/** A finding as the log states it now. The object does not change. */
export interface ViewedFinding extends FindingRow {
  /** The statement; empty if the finding has none. */
  readonly text: string
  /** From 0 to 1, as a number; `confidence_score` has six digits. */
  readonly confidence: number
  /** Returns the whole finding as plain JavaScript values: a new object at each call. */
  readonly toObject: () => unknown
}

/** The state of a frontier after some nodes. The object and its lists do not change. */
export interface FrontierState {
  readonly frontier: string
  /** Count of nodes that the state includes. */
  readonly nodes: number
  /** By id. */
  readonly findings: readonly ViewedFinding[]
  /** Rows of the other tables, by id. */
  readonly rows: Omit<ViewRows, 'findings'>
  /** The open conflicts, at most 10,000. */
  readonly conflicts: readonly ListedConflict[]
  /** Count of nodes whose text is not here: the state does not know them. */
  readonly withheld: number
}

/**
 * The findings of one frontier, kept current until `close`. The methods are bound, so they can be
 * passed to `useSyncExternalStore`.
 *
 * @example
 * const view = await FrontierView.open(replica, frontier)
 * const unsubscribe = view.subscribe(() => console.log(view.list().length))
 * view.close()
 */
export class FrontierView {
  readonly #frontier: Frontier
  readonly #projection: FrontierProjection
  readonly #changes = new Emitter()
  readonly #unsubscribes: (() => void)[]
  /** The body from which the finding of an id was made. */
  #bodies = new Map<string, { readonly body: ReadonlyMap<string, Json>; readonly finding: ViewedFinding }>()
  #state: FrontierState
  #error: Error | undefined
  #updating: Promise<void> | undefined
  #isStale = false
  #isClosed = false

  private constructor(frontier: Frontier, projection: FrontierProjection) {
    this.#frontier = frontier
    this.#projection = projection
    this.#state = emptyState(frontier.log.name)
    const changed = (): void => this.#update()
    this.#unsubscribes = [projection.hold(), frontier.onCommit(changed), frontier.onTexts(changed)]
  }

  /**
   * Opens a view. Resolves when it has replayed the log, which takes time for a long one.
   * @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN, ERR_STORE_CORRUPT, ERR_STORE_IO
   */
  static async open(replica: Replica, frontier: string): Promise<FrontierView> {
    const context = contextOf(replica)
    const view = new FrontierView(context.frontier(frontier), FrontierProjection.of(context, frontier))
    try {
      await view.refresh()
    } catch (error) {
      view.close()
      throw error
    }
    return view
  }

  /** Returns the present state: the same object until something has changed. */
  readonly snapshot = (): FrontierState => this.#state

  /**
   * Calls the listener after each change, when `snapshot` returns another object. Changes that
   * arrive together make one call. The listener must not throw.
   * @returns a function that unsubscribes
   */
  readonly subscribe = (listener: () => void): (() => void) => this.#changes.on(listener)

  /** Returns a finding; undefined if the log states none of this id. */
  readonly get = (id: string): ViewedFinding | undefined => this.#bodies.get(id)?.finding

  /** Returns the findings by id: the list of the present snapshot. */
  readonly list = (): readonly ViewedFinding[] => this.#state.findings

  /** The error of the last update, if it failed. The state then stays the last good one. */
  get error(): Error | undefined {
    return this.#error
  }

  /**
   * Takes in everything that is stored now. Changes of the registry or of documents need this call;
   * commits do not.
   * @throws ReplicaError ERR_STORE_CORRUPT, ERR_STORE_IO, ERR_STORE_CLOSED
   */
  async refresh(): Promise<void> {
    this.#update()
    while (this.#updating !== undefined) await this.#updating
    if (this.#error !== undefined) throw this.#error
  }

  /** Releases the view and its listeners. Its last state stays readable. */
  close(): void {
    this.#isClosed = true
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe()
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** Starts an update. One runs at a time; changes during it are taken in by the next. */
  #update(): void {
    this.#isStale = true
    this.#updating ??= this.#run().finally(() => {
      this.#updating = undefined
    })
  }

  async #run(): Promise<void> {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false
      try {
        const next = await this.#next()
        this.#error = undefined
        if (!this.#isClosed) this.#state = next
      } catch (error) {
        this.#error = error as Error
      }
      if (!this.#isClosed) this.#changes.emit()
    }
  }

  /** Returns the state after all stored nodes. */
  async #next(): Promise<FrontierState> {
    const conflicts = await this.#projection.listed()
    return await this.#projection.read(view => {
      const { nodes } = this.#frontier.log
      const { withheld } = this.#projection
      const { findings, ...rows } = viewRows(view)
      const listed = this.#findings(view, findings)
      const { frontier } = this.#state
      return { frontier, nodes, findings: listed, rows, conflicts, withheld }
    })
  }

  #findings(view: View, rows: readonly FindingRow[]): ViewedFinding[] {
    const before = this.#bodies
    this.#bodies = new Map()
    const objects = viewObjects(view, 'findings')
    return rows.map((row, at) => {
      const { id, body } = objects[at]!
      const known = before.get(id)
      const finding = known?.body === body ? known.finding : viewedFinding(row, body)
      this.#bodies.set(id, { body, finding })
      return finding
    })
  }
}

function viewedFinding(row: FindingRow, body: ReadonlyMap<string, Json>): ViewedFinding {
  const assertion = body.get('assertion')
  const text = assertion instanceof Map ? assertion.get('text') : undefined
  return Object.freeze({
    ...row,
    text: typeof text === 'string' ? text : '',
    confidence: Number(row.confidence_score),
    toObject: () => fromJson(body as Map<string, Json>),
  })
}

function emptyState(frontier: string): FrontierState {
  const rows = { negative_results: [], trajectories: [], artifacts: [], replications: [], predictions: [] }
  return { frontier, nodes: 0, findings: [], rows, conflicts: [], withheld: 0 }
}
