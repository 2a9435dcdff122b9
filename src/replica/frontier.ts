// One frontier as an open replica keeps it: its log, its registry, its gate, and a lock under which local events are made,
// so that each is built on the heads it saw.

import type { FrontierStore, HeldStore } from '../store/store.ts'
import type { Gate } from '../trust/gate.ts'
import type { Registry } from '../trust/registry.ts'

export class Frontier {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly registry: Registry
  readonly gate: Gate
  #tail: Promise<unknown> = Promise.resolve()

  constructor(parts: { log: FrontierStore; held: HeldStore; registry: Registry; gate: Gate }) {
    const { log, held, registry, gate } = parts
    this.log = log
    this.held = held
    this.registry = registry
    this.gate = gate
  }

  /** Runs `task` after every task given before it has settled. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(task, task)
    this.#tail = run.catch(() => {})
    return run
  }
}
