// A store as one process has it open: it answers from the disk behind it until the process crashes, from then on it fails.
// A crash can come in the middle of a write, which then is on the disk whole or not at all, and nobody is told which. Writes take a
// while: one that has not returned is not synced, and a crash may lose it; one that has returned is there for ever. (What a
// store writes without a sync is its index, which lies below this interface and is made again from the log: test/store/recovery.)

import { ReplicaError } from '../../src/base/errors.ts'
import type { Store } from '../../src/store/store.ts'

/** Calls that write; all others only read. */
const WRITES = new Set(['commit', 'write', 'put', 'delete', 'setTexts', 'purge'])
/** What is handed out is guarded too. */
const PARTS = new Set(['records', 'held', 'documents'])

export interface DiskHooks {
  /** Something was asked of the store, or has been answered. */
  readonly moved: () => void
  /** Asked before each write: whether the process crashes in it, and then whether what it wrote is there. */
  readonly fate: () => 'goes well' | 'crash before' | 'crash after'
  /** How long a write takes. */
  readonly delay: () => Promise<void>
  /** Asked of each write that was under way when the process crashed: whether it had reached the disk. */
  readonly keeps: () => boolean
  /** The process is gone: from now on nothing of it counts. */
  readonly crash: () => void
}

export class Disk {
  readonly #hooks: DiskHooks
  /** Frontier stores, so that each is one object however often it is asked for. */
  readonly #guarded = new Map<object, object>()
  /** Writes that have not ended. */
  readonly #underWay = new Set<Promise<unknown>>()
  #isGone = false

  constructor(hooks: DiskHooks) {
    this.#hooks = hooks
  }

  /** The process is gone. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** The store as the process sees it. */
  open(store: Store): Store {
    return this.#guard(store)
  }

  /** Takes the store away from the process. */
  take(): void {
    this.#isGone = true
  }

  /** Resolves when no write is under way. The next process finds what the last one wrote. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  #guard<T extends object>(target: T): T {
    const known = this.#guarded.get(target)
    if (known !== undefined) return known as T
    const guarded = new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value === 'function') return this.#method(target, String(name), value as Method)
        return PARTS.has(String(name)) ? this.#guard(value as object) : value
      },
    })
    this.#guarded.set(target, guarded)
    return guarded
  }

  #method(target: object, name: string, method: Method): Method {
    return (...args) => {
      this.#hooks.moved()
      if (WRITES.has(name)) return this.#track(this.#write(() => method.apply(target, args) as Promise<unknown>))
      const answer = method.apply(target, args)
      if (!(answer instanceof Promise)) return name === 'frontier' ? this.#guard(answer as object) : answer
      return this.#read(name, answer)
    }
  }

  async #read(name: string, answer: Promise<unknown>): Promise<unknown> {
    this.#check()
    const value = await answer
    this.#hooks.moved()
    this.#check()
    return name === 'track' ? this.#guard(value as object) : value
  }

  async #track(write: Promise<unknown>): Promise<unknown> {
    this.#underWay.add(write)
    try {
      return await write
    } finally {
      this.#underWay.delete(write)
    }
  }

  async #write(write: () => Promise<unknown>): Promise<unknown> {
    this.#check()
    const fate = this.#hooks.fate()
    if (fate !== 'goes well') {
      this.#isGone = true
      if (fate === 'crash after') await write().catch(() => {}) // a wrong call would have failed in any case
      this.#hooks.crash()
    }
    this.#check()
    await this.#hooks.delay()
    this.#hooks.moved()
    if (this.#isGone && !this.#hooks.keeps()) this.#check()
    const answer = await write()
    this.#hooks.moved()
    this.#check()
    return answer
  }

  #check(): void {
    if (this.#isGone) throw new ReplicaError('ERR_STORE_CLOSED', 'the process has crashed')
  }
}

type Method = (...args: unknown[]) => unknown
