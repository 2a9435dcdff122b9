// Checks many signatures off the main thread, which is busy with sockets, hashing and the store, and off libuv's pool,
// which LevelDB needs. A few jobs are checked at once in place: the way to a worker and back costs as much. Many are cut
// into batches for a small pool of threads, made when they are first needed. A worker has a bounded number of batches;
// what is beyond waits in its call, uncopied, and calls take turns, so a large push doesn't hold up a small one. Where
// much waits, this thread checks a few itself between all else that it has to do: on few cores it would often be idle.
// A job that could not be checked fails its call. There is no verdict by default.

import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { concat } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { verify } from './ed25519.ts'
import { checkBatch, measureBatch, messageBytes, packBatch, type SignatureJob } from './verify-batch.ts'
import { startThread } from './worker-thread.ts'

export type { SignatureJob }

interface Call {
  readonly jobs: readonly SignatureJob[]
  readonly verdicts: Uint8Array
  readonly settle: { resolve: (verdicts: Uint8Array) => void; reject: (error: Error) => void }
  /** The first job that is in no batch yet. */
  next: number
  unanswered: number
  failed: boolean
}

interface Batch {
  readonly call: Call
  readonly from: number
  readonly count: number
}

interface Lane {
  readonly worker: Worker
  /** What the worker has, in the order in which it will answer. */
  readonly batches: Batch[]
  /** Blocks that came back, to be used again. */
  readonly blocks: ArrayBuffer[]
}

export class VerifierPool {
  readonly #workersMax: number
  readonly #lanes = new Set<Lane>()
  readonly #waiting: Call[] = []
  #helping: NodeJS.Immediate | undefined
  #closed = false

  /** `workers`: how many threads at most, by default one less than there are cores, at least 1 and at most 4. */
  constructor(options: { workers?: number } = {}) {
    const workers = options.workers ?? Math.max(1, Math.min(VERIFY_LIMITS.workersMax, availableParallelism() - 1))
    if (!Number.isInteger(workers) || workers < 1) throw new TypeError('workers is a whole number, at least 1')
    this.#workersMax = workers
  }

  /**
   * The verdicts, a byte 1 (valid) or 0 for each job in order. The arrays must not change before they are there.
   * @throws ReplicaError ERR_INTERNAL when a worker died over it, ERR_ABORTED when the verifier is closed
   */
  async check(jobs: readonly SignatureJob[]): Promise<Uint8Array> {
    if (this.#closed) throw closedError()
    if (isSmall(jobs)) return Uint8Array.from(jobs, job => (verify(job.key, joined(job.message), job.sig) ? 1 : 0))
    return new Promise((resolve, reject) => {
      const verdicts = new Uint8Array(jobs.length)
      this.#waiting.push({
        jobs,
        verdicts,
        settle: { resolve, reject },
        next: 0,
        unanswered: jobs.length,
        failed: false,
      })
      this.#dispatch()
    })
  }

  /** Ends the workers. Calls that wait for a verdict fail with ERR_ABORTED. */
  async close(): Promise<void> {
    this.#closed = true
    const lanes = [...this.#lanes]
    this.#lanes.clear()
    for (const call of this.#waiting.splice(0)) fail(call, closedError())
    for (const { call } of lanes.flatMap(lane => lane.batches)) fail(call, closedError())
    await Promise.all(lanes.map(lane => lane.worker.terminate()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #dispatch(): void {
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      if (call.failed) continue
      try {
        const lane = this.#freeLane()
        if (lane === undefined) {
          this.#waiting.unshift(call)
          if (this.#isBehind()) this.#helping ??= setImmediate(() => this.#help())
          return
        }
        this.#post(lane, call)
      } catch (error) {
        fail(call, error as Error) // no thread to be had, or jobs of a wrong type; other calls go on
        continue
      }
      if (call.next < call.jobs.length) this.#waiting.push(call)
    }
  }

  /** So many jobs wait that it is throughput that counts; with fewer the calling thread has better things to do. */
  #isBehind(): boolean {
    return this.#waiting.reduce((sum, { jobs, next }) => sum + jobs.length - next, 0) >= VERIFY_LIMITS.helpFromJobs
  }

  /** Checks a few jobs of the call whose turn it is, as long as no worker could take them; what is large waits for one. */
  #help(): void {
    this.#helping = undefined
    const [call] = this.#waiting
    if (call === undefined || !this.#isBehind()) return
    try {
      const { inlineBytesMax, helpJobsMax } = VERIFY_LIMITS
      const { count, bytes } = measureBatch(call.jobs, call.next, { jobs: helpJobsMax, bytes: inlineBytesMax })
      if (bytes > inlineBytesMax) return
      const block = new ArrayBuffer(bytes)
      packBatch(block, call.jobs, call.next, count)
      checkBatch(block)
      call.verdicts.set(new Uint8Array(block, 0, count), call.next)
      call.next += count
      this.#settle(call, count)
    } catch (error) {
      fail(call, error as Error) // jobs of a wrong type
    }
    this.#waiting.shift()
    if (call.next < call.jobs.length) this.#waiting.push(call)
    this.#dispatch()
  }

  /** The worker with the least to do, a new one rather than one that is busy; undefined when all have their fill. */
  #freeLane(): Lane | undefined {
    let least: Lane | undefined
    for (const lane of this.#lanes) if (least === undefined || lane.batches.length < least.batches.length) least = lane
    if (least?.batches.length === 0) return least
    if (this.#lanes.size < this.#workersMax) return this.#start()
    return least !== undefined && least.batches.length < VERIFY_LIMITS.batchesPerWorkerMax ? least : undefined
  }

  #start(): Lane {
    const worker = startThread('./verify-worker.js', 'check signatures')
    const lane: Lane = { worker, batches: [], blocks: [] }
    worker.on('message', (block: ArrayBuffer) => this.#answered(lane, block))
    worker.on('error', error => this.#lost(lane, error))
    worker.on('exit', code => this.#lost(lane, new Error(`exit code ${code}`)))
    this.#lanes.add(lane)
    return lane
  }

  #post(lane: Lane, call: Call): void {
    const share = Math.ceil(call.jobs.length / this.#workersMax)
    const jobs = Math.max(VERIFY_LIMITS.inlineJobsMax, Math.min(share, VERIFY_LIMITS.jobsPerBatchMax))
    const { count, bytes } = measureBatch(call.jobs, call.next, { jobs, bytes: VERIFY_LIMITS.batchBytes })
    const large = bytes > VERIFY_LIMITS.batchBytes // one job that is larger than a block
    const block = large ? new ArrayBuffer(bytes) : (lane.blocks.pop() ?? new ArrayBuffer(VERIFY_LIMITS.batchBytes))
    packBatch(block, call.jobs, call.next, count)
    // Only a thread with work keeps the process alive.
    if (lane.batches.length === 0) lane.worker.ref()
    lane.batches.push({ call, from: call.next, count })
    call.next += count
    lane.worker.postMessage(block, [block])
  }

  #answered(lane: Lane, block: ArrayBuffer): void {
    if (!this.#lanes.has(lane)) return
    const { call, from, count } = lane.batches.shift()!
    if (lane.batches.length === 0) lane.worker.unref()
    call.verdicts.set(new Uint8Array(block, 0, count), from)
    if (block.byteLength === VERIFY_LIMITS.batchBytes) lane.blocks.push(block)
    this.#settle(call, count)
    this.#dispatch()
  }

  #settle(call: Call, count: number): void {
    call.unanswered -= count
    if (call.unanswered === 0 && !call.failed) call.settle.resolve(call.verdicts)
  }

  #lost(lane: Lane, cause: Error): void {
    if (!this.#lanes.delete(lane)) return
    for (const { call } of lane.batches) {
      fail(call, new ReplicaError('ERR_INTERNAL', 'a thread that was checking signatures ended', { cause }))
    }
    this.#dispatch() // the next batch starts another
  }
}

function isSmall(jobs: readonly SignatureJob[]): boolean {
  if (jobs.length > VERIFY_LIMITS.inlineJobsMax) return false
  return jobs.reduce((sum, job) => sum + messageBytes(job), 0) <= VERIFY_LIMITS.inlineBytesMax
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
  return new ReplicaError('ERR_ABORTED', 'the verifier is closed')
}
