// One frontier as an open replica keeps it: its log, its registry, its gate, and a lock under which local events are made,
// so that each is built on the heads it saw.

import { Gate } from '../admission/gate.ts'
import type { Registry } from '../admission/registry.ts'
import { Emitter } from '../base/emitter.ts'
import { Mutex } from '../base/mutex.ts'
import type { VerifierPool } from '../crypto/verifier-pool.ts'
import { FrontierProjection, type InitialState, type ViewParts } from '../projection/frontier-projection.ts'
import type { FrontierStore, HeldStore, NodeEntry } from '../store/store.ts'
import { Documents } from './documents.ts'
import { RecentRows } from './sync/recent-rows.ts'

export class Frontier {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly registry: Registry
  readonly gate: Gate
  readonly view: FrontierProjection
  readonly documents: Documents
  /** The last nodes, for those who follow. */
  readonly tail = new RecentRows()
  readonly #commits = new Emitter()
  readonly #mutex = new Mutex()

  /** `seeds`: what replay of this frontier starts from, besides its events. */
  constructor(
    parts: { held: HeldStore; verifier: VerifierPool; seeds?: (frontier: Frontier) => Promise<InitialState> } & Omit<
      ViewParts,
      'seeds'
    >,
  ) {
    const { log, held, registry, seeds } = parts
    this.log = log
    this.held = held
    this.registry = registry
    this.view = new FrontierProjection({ ...parts, seeds: seeds === undefined ? undefined : () => seeds(this) })
    const onCommitted = (nodes: readonly NodeEntry[], firstSeq: number): void => {
      this.tail.add(nodes, firstSeq)
      this.#commits.emit()
    }
    this.gate = new Gate({ ...parts, onCommitted })
    this.documents = new Documents(log.documents, this.gate)
  }

  /** Tells of each commit after it is durable, whoever made its nodes; the log says what came. Answers how to end it. */
  subscribe(listener: () => void): () => void {
    return this.#commits.on(listener)
  }

  /** Runs `task` after every task given before it has settled. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(task)
  }
}
