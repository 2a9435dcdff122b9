// Verifies many signatures on worker threads: off the main thread, which is busy with sockets,
// hashing and the store, and off the thread pool of libuv, which LevelDB needs. A few signatures
// are verified at once on the calling thread, because the way to a worker and back costs as much.
// The start of a thread costs as much as a thousand signatures, so a pool verifies its first ones
// on the calling thread, a few in each event-loop iteration. Further ones are cut into batches for
// a small pool of threads. The number of batches of a worker is bounded; further jobs wait in their
// call, uncopied. Calls take turns (round robin), so a large push does not delay a small one. If
// many jobs wait, the calling thread verifies a few as before: with few cores it would often be
// idle. A job that cannot be verified fails its call; there is no default result.

import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { concat } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { verify } from './ed25519.ts'
import { measureBatch, messageBytes, packBatch, type SignatureJob } from './verify-batch.ts'
import { isMissingThread, startThread } from './worker-thread.ts'

export type { SignatureJob }

interface Call {
  readonly jobs: readonly SignatureJob[]
  readonly verdicts: Uint8Array
  readonly settle: { resolve: (verdicts: Uint8Array) => void; reject: (error: Error) => void }
  /** Index of the first job that is not in a batch yet. */
  next: number
  /** Jobs without a verdict. */
  pending: number
  failed: boolean
}

interface Batch {
  readonly call: Call
  readonly from: number
  readonly count: number
}

interface PoolWorker {
  readonly worker: Worker
  /** Batches that the worker has, in the order of its replies. */
  readonly batches: Batch[]
  /** Returned blocks, for reuse. */
  readonly blocks: ArrayBuffer[]
}

/**
 * A pool of threads that verify signatures.
 *
 * @example
 * await using pool = new VerifierPool()
 * const verdicts = await pool.check([{ key: publicKey, sig, message: [bytes] }])
 * verdicts[0] === 1 // valid
 */
export class VerifierPool {
  readonly #workersMax: number
  readonly #workers = new Set<PoolWorker>()
  /** Calls with jobs that are not in a batch, in round-robin order. */
  readonly #queue: Call[] = []
  #inlineTimer: NodeJS.Immediate | undefined
  /** Jobs that this thread verifies before it starts another one. */
  #jobsBeforeThread: number
  #closed = false
  /** The file of the threads is missing: everything is verified on the calling thread. */
  #isThreadless = false
  readonly #onThreadless: (() => void) | undefined

  /**
   * @param options.workers maximum number of threads, at least 1. Default: one less than the number
   *   of cores, from 1 to 4
   * @param options.jobsBeforeThread jobs that the pool verifies on the calling thread before it
   *   starts a thread. Default: `VERIFY_LIMITS.jobsBeforeThread`
   * @param options.onThreadless called once if no thread can run because its file is missing, as in
   *   a bundle; the pool then verifies on the calling thread, which is slower. Must not throw
   * @throws TypeError if `workers` is not an integer of at least 1
   */
  constructor(options: { workers?: number; jobsBeforeThread?: number; onThreadless?: () => void } = {}) {
    const workers = options.workers ?? Math.max(1, Math.min(VERIFY_LIMITS.workersMax, availableParallelism() - 1))
    if (!Number.isInteger(workers) || workers < 1) throw new TypeError('workers is an integer of at least 1')
    this.#workersMax = workers
    this.#jobsBeforeThread = options.jobsBeforeThread ?? VERIFY_LIMITS.jobsBeforeThread
    this.#onThreadless = options.onThreadless
  }

  /**
   * Verifies `jobs`. Returns one byte for each job in order: 1 if the signature is valid, otherwise
   * 0. The arrays of the jobs must not change until the promise is settled.
   * @throws ReplicaError ERR_INTERNAL if the thread of a job ended, ERR_ABORTED if the pool is
   *   closed
   */
  async check(jobs: readonly SignatureJob[]): Promise<Uint8Array> {
    if (this.#closed) throw closedError()
    if (isSmall(jobs)) {
      this.#jobsBeforeThread -= jobs.length
      return Uint8Array.from(jobs, verdictOf)
    }
    return new Promise((resolve, reject) => {
      const verdicts = new Uint8Array(jobs.length)
      this.#queue.push({
        jobs,
        verdicts,
        settle: { resolve, reject },
        next: 0,
        pending: jobs.length,
        failed: false,
      })
      this.#dispatch()
    })
  }

  /** Ends the threads. Pending calls fail with ERR_ABORTED. */
  async close(): Promise<void> {
    this.#closed = true
    const workers = [...this.#workers]
    this.#workers.clear()
    for (const call of this.#queue.splice(0)) fail(call, closedError())
    for (const { call } of workers.flatMap(({ batches }) => batches)) fail(call, closedError())
    await Promise.all(workers.map(({ worker }) => worker.terminate()))
  }

  /** Same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #dispatch(): void {
    for (let call = this.#queue[0]; call !== undefined; call = this.#queue[0]) {
      if (!call.failed) {
        try {
          const worker = this.#availableWorker()
          if (worker === undefined) {
            if (this.#verifiesInline()) this.#inlineTimer ??= setImmediate(() => this.#verifyInline())
            return
          }
          this.#post(worker, call)
        } catch (error) {
          // No thread can be started, or jobs of a wrong type. Other calls continue.
          fail(call, error as Error)
        }
      }
      this.#queue.shift()
      if (!call.failed && call.next < call.jobs.length) this.#queue.push(call)
    }
  }

  /** With this many queued jobs, throughput matters more than the latency of the calling thread. */
  #verifiesInline(): boolean {
    return this.#workers.size === 0 || this.#queuedJobs() >= VERIFY_LIMITS.helpFromJobs
  }

  #queuedJobs(): number {
    return this.#queue.reduce((sum, { jobs, next }) => sum + jobs.length - next, 0)
  }

  /** Verifies a few jobs of the first call on this thread. A large job waits for a worker. */
  #verifyInline(): void {
    this.#inlineTimer = undefined
    const [call] = this.#queue
    if (call === undefined || !this.#verifiesInline()) return
    try {
      const { inlineBytesMax, helpJobsMax } = VERIFY_LIMITS
      const { count, bytes } = measureBatch(call.jobs, call.next, { jobs: helpJobsMax, bytes: inlineBytesMax })
      if (bytes > inlineBytesMax && !this.#isThreadless) return this.#needThread()
      const jobs = call.jobs.slice(call.next, call.next + count)
      call.verdicts.set(jobs.map(verdictOf), call.next)
      call.next += count
      this.#jobsBeforeThread -= count
      this.#settle(call, count)
    } catch (error) {
      fail(call, error as Error) // jobs of a wrong type
    }
    this.#queue.shift()
    if (!call.failed && call.next < call.jobs.length) this.#queue.push(call)
    this.#dispatch()
  }

  #needThread(): void {
    this.#jobsBeforeThread = 0
    if (this.#workers.size === 0) this.#dispatch()
  }

  /**
   * Returns an idle worker, else a new one, else the one with the fewest batches; undefined if all
   * are full or no thread is worth its start yet.
   */
  #availableWorker(): PoolWorker | undefined {
    let least: PoolWorker | undefined
    for (const worker of this.#workers) {
      if (least === undefined || worker.batches.length < least.batches.length) least = worker
    }
    if (least?.batches.length === 0) return least
    if (this.#isThreadless) return undefined
    if (this.#workers.size === 0 && this.#queuedJobs() <= this.#jobsBeforeThread) return undefined
    if (this.#workers.size < this.#workersMax) return this.#start()
    return least !== undefined && least.batches.length < VERIFY_LIMITS.batchesPerWorkerMax ? least : undefined
  }

  /** Returns undefined, once and for all, if this code does not know where its threads are. */
  #start(): PoolWorker | undefined {
    const worker = this.#startThread()
    if (worker === undefined) return undefined
    const started: PoolWorker = { worker, batches: [], blocks: [] }
    worker.on('message', (block: ArrayBuffer) => this.#onBlock(started, block))
    worker.on('error', error => this.#onEnd(started, error))
    worker.on('exit', code => this.#onEnd(started, new Error(`exit code ${code}`)))
    this.#workers.add(started)
    return started
  }

  #post({ worker, batches, blocks }: PoolWorker, call: Call): void {
    const share = Math.ceil(call.jobs.length / this.#workersMax)
    const jobs = Math.max(VERIFY_LIMITS.inlineJobsMax, Math.min(share, VERIFY_LIMITS.jobsPerBatchMax))
    const { count, bytes } = measureBatch(call.jobs, call.next, { jobs, bytes: VERIFY_LIMITS.batchBytes })
    const large = bytes > VERIFY_LIMITS.batchBytes // a single job that is larger than a block
    const block = large ? new ArrayBuffer(bytes) : (blocks.pop() ?? new ArrayBuffer(VERIFY_LIMITS.batchBytes))
    packBatch(block, call.jobs, { from: call.next, count })
    // Only a thread with work keeps the process alive.
    if (batches.length === 0) worker.ref()
    batches.push({ call, from: call.next, count })
    call.next += count
    worker.postMessage(block, [block])
  }

  #onBlock(worker: PoolWorker, block: ArrayBuffer): void {
    if (!this.#workers.has(worker)) return
    const { call, from, count } = worker.batches.shift()!
    if (worker.batches.length === 0) worker.worker.unref()
    call.verdicts.set(new Uint8Array(block, 0, count), from)
    if (block.byteLength === VERIFY_LIMITS.batchBytes) worker.blocks.push(block)
    this.#settle(call, count)
    this.#dispatch()
  }

  #settle(call: Call, count: number): void {
    call.pending -= count
    if (call.pending === 0 && !call.failed) call.settle.resolve(call.verdicts)
  }

  #onEnd(worker: PoolWorker, cause: Error): void {
    if (!this.#workers.delete(worker)) return
    if (isMissingThread(cause)) return this.#continueThreadless(worker)
    for (const { call } of worker.batches) {
      fail(call, new ReplicaError('ERR_INTERNAL', 'a thread that verified signatures ended', { cause }))
    }
    this.#dispatch() // the next batch starts another thread
  }

  #startThread(): Worker | undefined {
    try {
      return startThread('./verify-worker.js', 'verify signatures')
    } catch (error) {
      if (!isMissingThread((error as Error).cause)) throw error
      this.#noteThreadless()
      return undefined
    }
  }

  #noteThreadless(): void {
    if (!this.#isThreadless) this.#onThreadless?.()
    this.#isThreadless = true
  }

  /** Verifies the batches of a thread that never ran here, and everything from now on. */
  #continueThreadless({ batches }: PoolWorker): void {
    this.#noteThreadless()
    for (const { call, from, count } of batches) {
      call.verdicts.set(call.jobs.slice(from, from + count).map(verdictOf), from)
      this.#settle(call, count)
    }
    this.#dispatch()
  }
}

function isSmall(jobs: readonly SignatureJob[]): boolean {
  if (jobs.length > VERIFY_LIMITS.inlineJobsMax) return false
  return jobs.reduce((sum, job) => sum + messageBytes(job), 0) <= VERIFY_LIMITS.inlineBytesMax
}

function verdictOf({ key, message, sig }: SignatureJob): number {
  return verify(key, joined(message), sig) ? 1 : 0
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : concat(parts)
}

function fail(call: Call, error: Error): void {
  if (call.failed) return
  call.failed = true
  call.settle.reject(error)
}

function closedError(): ReplicaError {
  return new ReplicaError('ERR_ABORTED', 'the verifier pool is closed')
}
