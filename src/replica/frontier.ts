// One frontier of an open replica: its log, registry, gate and documents, and a lock for local
// events, so that each is built on the heads that it saw.

import { Gate } from '../admission/gate.ts'
import type { Registry } from '../admission/registry.ts'
import type { TextPolicy } from '../admission/text-policy.ts'
import type { Digest } from '../base/bytes.ts'
import { Emitter } from '../base/emitter.ts'
import { LruMap } from '../base/lru-map.ts'
import { Mutex } from '../base/mutex.ts'
import type { VerifierPool } from '../crypto/verifier-pool.ts'
import type {
  ForeignChange,
  FrontierStore,
  HeldStore,
  NodeEntry,
  Records,
  StoreSharing,
  TextChange,
} from '../store/store.ts'
import { logTrace } from '../sync/log-trace.ts'
import { Documents } from './documents.ts'
import { RecentRows } from './sync/recent-rows.ts'
import { TextRequests } from './sync/text-requests.ts'

const LOSSES_TOLD_MAX = 256
const TRACES_MAX = 8

interface FrontierParts {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly records: Records
  readonly registry: Registry
  readonly policy: TextPolicy
  readonly verifier: VerifierPool
  /** Coordination with other processes that have the store open. */
  readonly sharing: StoreSharing | undefined
}

export class Frontier {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly registry: Registry
  readonly policy: TextPolicy
  readonly gate: Gate
  readonly documents: Documents
  /** Recently committed rows, for live channels. */
  readonly recentRows = new RecentRows()
  /** Which texts to request from which peer. */
  readonly textRequests: TextRequests
  /** Cursors of another history that the operator was told of, by key and number. */
  readonly lossesTold = new LruMap<string, true>(LOSSES_TOLD_MAX)
  readonly #traces = new LruMap<number, Digest>(TRACES_MAX)
  readonly #commits = new Emitter()
  readonly #texts = new Emitter()
  #textChanges = 0
  readonly #mutex = new Mutex()

  constructor(parts: FrontierParts) {
    const { log, held, registry, policy } = parts
    this.log = log
    this.held = held
    this.registry = registry
    this.policy = policy
    this.textRequests = new TextRequests(log)
    const onCommitted = (nodes: readonly NodeEntry[], firstSeq: number): void => {
      this.recentRows.add(nodes, firstSeq)
      this.#commits.emit()
    }
    const onTexts = (): void => this.#noteTexts()
    this.gate = new Gate({ ...parts, onCommitted, onTexts })
    this.documents = new Documents(log.documents, this.gate)
  }

  /** Returns the trace of the first `count` nodes (log-trace.ts). Recent ones are remembered. */
  async trace(count: number): Promise<Digest> {
    const known = this.#traces.get(count)
    if (known !== undefined) return known
    const trace = await logTrace(this.log, count)
    this.#traces.set(count, trace)
    return trace
  }

  /**
   * Calls the listener after each durable commit, also of received nodes.
   * @returns a function that unsubscribes
   */
  onCommit(listener: () => void): () => void {
    return this.#commits.on(listener)
  }

  /**
   * Calls the listener after each change of the texts of stored nodes: texts that arrived, were
   * dropped or were erased. A view that was computed before is out of date.
   * @returns a function that unsubscribes
   */
  onTexts(listener: () => void): () => void {
    return this.#texts.on(listener)
  }

  /** Number of changes of texts since the replica was opened. */
  get textChanges(): number {
    return this.#textChanges
  }

  /** Takes a change into account that another process made. */
  noteForeign(change: ForeignChange): void {
    if (change.kind === 'log') {
      this.gate.noteForeign('log')
      this.#commits.emit()
    } else if (change.kind === 'texts') this.#noteTexts()
    else if (change.kind === 'held') this.gate.noteForeign('held')
    else if (change.kind === 'records' && change.keys.some(key => this.#decides(key))) {
      this.gate.noteForeign('records')
      // For sessions that open before the gate reads them again. A store that can't be read fails
      // other calls too.
      this.registry.reload().catch(() => {})
    }
  }

  /** Whether the gate decides by this record. */
  #decides(key: string): boolean {
    return [`registry/${this.log.name}/`, `erasure/${this.log.name}/`, `texts/${this.log.name}`].some(prefix =>
      key.startsWith(prefix),
    )
  }

  /** Changes texts in the log and tells the listeners. Throws as `FrontierStore.setTexts`. */
  async setTexts(changes: readonly TextChange[]): Promise<void> {
    await this.log.setTexts(changes)
    this.#noteTexts()
  }

  #noteTexts(): void {
    this.recentRows.clear()
    this.#textChanges += 1
    this.#texts.emit()
  }

  /** Runs a task after all earlier ones have settled. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(task)
  }
}
