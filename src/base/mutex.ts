// Asynchronous building blocks for one owner: a FIFO mutex, a deferred promise, promises that wait
// by name, and a wake-up signal.

import { ReplicaError } from './errors.ts'

/**
 * Runs asynchronous tasks one at a time, in the order of the calls. A task that fails does not stop
 * the tasks after it. A task that calls `run` of its own mutex and awaits the result never ends.
 *
 * @example
 * const mutex = new Mutex()
 * const value = await mutex.run(async () => readAndWrite())
 */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** @throws ReplicaError ERR_STORE_CLOSED after `close` */
  assertOpen(): void {
    if (this.#closing !== undefined) throw closedError()
  }

  /**
   * Runs `task` after all earlier tasks have settled. Returns its result.
   * @throws ReplicaError ERR_STORE_CLOSED after `close`; what the task throws
   */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.#closing === undefined ? this.#enqueue(task) : Promise.reject(closedError())
  }

  /**
   * Rejects further tasks, waits for earlier ones, then runs `task`. A second call returns the
   * promise of the first.
   */
  close(task: () => Promise<void> = async () => {}): Promise<void> {
    this.#closing ??= this.#enqueue(task)
    return this.#closing
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task)
    this.#last = result.then(ignore, ignore)
    return result
  }
}

function ignore(): void {}

function closedError(): ReplicaError {
  return new ReplicaError('ERR_STORE_CLOSED', 'the store is closed')
}

/** A promise that others settle. (`Promise.withResolvers` needs Node 22.) */
export class Deferred<T> {
  readonly promise: Promise<T>
  resolve!: (value: T) => void
  reject!: (reason: unknown) => void
  #isSettled = false

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = value => {
        this.#isSettled = true
        resolve(value)
      }
      this.reject = reason => {
        this.#isSettled = true
        reject(reason)
      }
    })
    // A rejection that nobody waits for is not an error of the process.
    this.promise.catch(() => {})
  }

  get isSettled(): boolean {
    return this.#isSettled
  }
}

/** Promises by name: each waits until `resolve`, `reject` or `rejectAll` settles it. */
export class PendingRequests {
  readonly #requests = new Map<string, { resolve: (value: never) => void; reject: (error: Error) => void }>()

  get size(): number {
    return this.#requests.size
  }

  has(name: string): boolean {
    return this.#requests.has(name)
  }

  /**
   * Returns a promise that settles under `name`. The caller uses each name for one pending promise
   * at a time.
   */
  add<T>(name: string): Promise<T> {
    return new Promise<T>((resolve, reject) => this.#requests.set(name, { resolve, reject }))
  }

  /** Does nothing where no promise waits under `name`. */
  resolve(name: string, value: unknown): undefined {
    this.#take(name)?.resolve(value as never)
  }

  /** Does nothing where no promise waits under `name`. */
  reject(name: string, error: Error): undefined {
    this.#take(name)?.reject(error)
  }

  /** Rejects every pending promise. */
  rejectAll(error: Error): void {
    for (const name of [...this.#requests.keys()]) this.reject(name, error)
  }

  #take(name: string) {
    const request = this.#requests.get(name)
    this.#requests.delete(name)
    return request
  }
}
