// One frontier as an open replica keeps it: its log, its registry, its gate, and a lock under which local events are made,
// so that each is built on the heads it saw.

import type { FrontierStore, HeldStore } from '../store/store.ts'
import { Gate } from '../trust/gate.ts'
import type { Registry } from '../trust/registry.ts'
import type { Verifier } from '../trust/verifier.ts'

export class Frontier {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly registry: Registry
  readonly gate: Gate
  readonly #subscribers = new Set<() => void>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(parts: { log: FrontierStore; held: HeldStore; registry: Registry; verifier: Verifier }) {
    const { log, held, registry } = parts
    this.log = log
    this.held = held
    this.registry = registry
    const onCommitted = (): void => {
      for (const tell of this.#subscribers) tell()
    }
    this.gate = new Gate({ ...parts, onCommitted })
  }

  /** Tells of each commit after it is durable, whoever made its nodes; the log says what came. Answers how to end it. */
  subscribe(listener: () => void): () => void {
    const own = (): void => listener()
    this.#subscribers.add(own)
    return () => this.#subscribers.delete(own)
  }

  /** Runs `task` after every task given before it has settled. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(task, task)
    this.#tail = run.catch(() => {})
    return run
  }
}
