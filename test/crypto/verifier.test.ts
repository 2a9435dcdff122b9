// The verifier pool: results in order for any batches, the same rule inline and on threads, and
// faults that end in an error.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { concat } from '../../src/base/bytes.ts'
import { type ErrorCode, hasCode } from '../../src/base/errors.ts'
import { VERIFY_LIMITS } from '../../src/base/limits.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { Key } from '../../src/crypto/key.ts'
import { type SignatureJob, VerifierPool } from '../../src/crypto/verifier-pool.ts'
import { measureBatch, packBatch, verifyBatch } from '../../src/crypto/verify-batch.ts'
import { bytes, vectorsOf } from './signature-vectors.ts'

const test = suite('crypto/verifier')

const key = Key.fromSeed(new Uint8Array(32).fill(1))
const { inlineJobsMax, jobsBeforeThread, jobsPerBatchMax, batchBytes } = VERIFY_LIMITS

test('threads return the stated result of every vector, in order', async () => {
  await using verifier = new VerifierPool({ workers: 2, jobsBeforeThread: 0 })
  const vectors = vectorsOf('K1', 'K2', 'K3', 'K4', 'K5', 'K6')
  const jobs = vectors.map(({ in: { key, message, sig } }) => {
    return { key: bytes(key), sig: bytes(sig), message: [bytes(message)] }
  })
  const expected = vectors.map(vector => (vector.ok === undefined ? 0 : 1))
  assert.equal([...(await verifier.check(jobs))], expected)
})

test('every number of jobs around the bounds gets a result for each job, in order', async () => {
  await using verifier = new VerifierPool({ workers: 2, jobsBeforeThread: 0 })
  const around = (n: number) => [n - 1, n, n + 1]
  for (const count of [0, ...around(inlineJobsMax), ...around(jobsPerBatchMax), ...around(2 * jobsPerBatchMax), 300]) {
    const jobs = Array.from({ length: count }, (_, index) => job(index, index % 7 !== 3))
    assert.equal([...(await verifier.check(jobs))], expectedOf(count), `${count} jobs`)
  }
})

test('messages of any size, up to many times a block, are verified in one call', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const sizes = [0, 1, batchBytes - 105, batchBytes - 104, batchBytes - 103, 1 << 20, 3, batchBytes, 1 << 20, 0]
  const jobs = sizes.map((size, index) => signed(new Uint8Array(size).fill(index), index % 2 === 0))
  assert.equal(
    [...(await verifier.check(jobs))],
    sizes.map((_, index) => (index % 2 === 0 ? 1 : 0)),
  )
})

test('a message in parts has the same result as in one piece, inline and on a thread', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const message = Uint8Array.from({ length: 1000 }, (_, index) => index)
  const sig = key.sign(message)
  const parts = [message.subarray(0, 0), message.subarray(0, 1), message.subarray(1, 600), message.subarray(600)]
  const one = { key: key.publicKeyBytes, sig, message: parts }
  assert.equal([...(await verifier.check([one]))], [1])
  assert.equal([...(await verifier.check(new Array(20).fill(one)))], new Array(20).fill(1))
  const swapped = { ...one, message: [...parts].reverse() }
  assert.equal([...(await verifier.check(new Array(20).fill(swapped)))], new Array(20).fill(0))
})

test('keys and signatures of a wrong length are not valid and do not affect other jobs', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const good = job(1, true)
  const bad = [0, 31, 33, 64].map(length => ({ ...good, key: new Uint8Array(length) }))
  const worse = [0, 32, 63].map(length => ({ ...good, sig: good.sig.subarray(0, length) }))
  worse.push({ ...good, sig: concat([good.sig, new Uint8Array(1)]) })
  const jobs = [...bad, ...worse].flatMap(one => [good, one])
  assert.equal(
    [...(await verifier.check(jobs))],
    jobs.map((_, index) => (index % 2 === 0 ? 1 : 0)),
  )
  for (const one of [...bad, ...worse]) assert.equal([...(await verifier.check([one]))], [0])
  // A block of valid jobs is reused: they must not influence the results.
  assert.equal([...(await verifier.check(new Array(20).fill(good)))], new Array(20).fill(1))
  for (const one of [...bad, ...worse]) {
    const wrong = new Array(20).fill({ ...one, message: good.message })
    assert.equal([...(await verifier.check(wrong))], new Array(20).fill(0))
  }
})

test('a packed batch has the same results as verify for each job', () => {
  const part = fc.uint8Array({ maxLength: 40 })
  const any = fc.record({
    parts: fc.array(part, { maxLength: 4 }),
    spoil: fc.constantFrom('no', 'key', 'sig', 'message', 'length'),
  })
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 8 }), list => {
      const jobs = list.map(({ parts, spoil }): SignatureJob => {
        const sig = key.sign(concat(parts))
        if (spoil === 'sig') sig[40]! ^= 1
        return {
          key: spoil === 'key' ? new Uint8Array(32).fill(9) : key.publicKeyBytes,
          sig: spoil === 'length' ? sig.subarray(1) : sig,
          message: spoil === 'message' ? [...parts, Uint8Array.of(0)] : parts,
        }
      })
      const { count, bytes: size } = measureBatch(jobs, 0, { jobs: 100, bytes: 1 << 20 })
      assert.is(count, jobs.length)
      const block = new ArrayBuffer(size)
      new Uint8Array(block).fill(0xff) // the previous content of a block must not matter
      packBatch(block, jobs, { from: 0, count })
      verifyBatch(block)
      const expected = jobs.map(one => (verify(one.key, concat(one.message), one.sig) ? 1 : 0))
      assert.equal([...new Uint8Array(block, 0, count)], expected)
    }),
    { seed: 20, numRuns: 100 },
  )
})

test('concurrent calls get their own results, and a small call overtakes a large one', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const ended: number[] = []
  const calls = [1000, 300, 20, 5, 20].map(async (count, index) => {
    const jobs = Array.from({ length: count }, (_, at) => job(at, at % 7 !== 3))
    const verdicts = await verifier.check(jobs)
    ended.push(index)
    assert.equal([...verdicts], expectedOf(count))
  })
  await Promise.all(calls)
  assert.is(ended.at(-1), 0)
})

test('the calling thread verifies some jobs with the same results in order, and leaves large ones to a worker', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  await verifier.check(manyJobs()) // the thread is started
  const large = signed(new Uint8Array(batchBytes + 1), true)
  const mixed = Array.from({ length: 1500 }, (_, index) => (index % 300 === 299 ? large : job(index, index % 7 !== 3)))
  const calls = await Promise.all([verifier.check(mixed), verifier.check(mixed)])
  const expected = mixed.map((one, index) => (one === large || index % 7 !== 3 ? 1 : 0))
  for (const verdicts of calls) assert.equal([...verdicts], expected)
  const bad = new Array(400).fill({ key: key.publicKeyBytes, sig: undefined, message: undefined }) as SignatureJob[]
  const good = verifier.check(mixed)
  let error: unknown
  await verifier.check(bad).catch(thrown => {
    error = thrown
  })
  assert.instance(error, TypeError)
  assert.equal([...(await good)], expected)
})

test('if a thread ends, its call fails with a code, and another thread does the waiting calls', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const started = once(process, 'worker')
  // More jobs than one worker takes at a time, so that the second call waits.
  const doomed = failsWith(verifier.check([...manyJobs(), ...manyJobs(), ...manyJobs()]), 'ERR_INTERNAL')
  const waiting = verifier.check(manyJobs())
  const [worker] = (await started) as [Worker]
  await worker.terminate()
  await doomed
  assert.equal([...(await waiting)], new Array(200).fill(1))
  assert.equal([...(await verifier.check(manyJobs()))], new Array(200).fill(1))
})

test('the end of an idle thread is not an error', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const started = once(process, 'worker')
  await verifier.check(manyJobs())
  const [worker] = (await started) as [Worker]
  await worker.terminate()
  assert.equal([...(await verifier.check(manyJobs()))], new Array(200).fill(1))
})

test('jobs of a wrong type fail only their own call', async () => {
  await using verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const good = verifier.check(manyJobs())
  const bad = new Array(200).fill({ key: undefined, sig: undefined, message: [] }) as SignatureJob[]
  let error: unknown
  await verifier.check(bad).catch(thrown => {
    error = thrown
  })
  assert.instance(error, TypeError)
  assert.equal([...(await good)], new Array(200).fill(1))
})

test('close fails pending calls, rejects further ones, and may be called twice', async () => {
  const verifier = new VerifierPool({ workers: 1, jobsBeforeThread: 0 })
  const waiting = [verifier.check(manyJobs()), verifier.check(manyJobs())]
  const outcome = Promise.all(waiting.map(call => failsWith(call, 'ERR_ABORTED')))
  await verifier.close()
  await outcome
  await verifier.close()
  await failsWith(verifier.check([job(0, true)]), 'ERR_ABORTED')
  await failsWith(verifier.check(manyJobs()), 'ERR_ABORTED')
})

test('a small call never starts a thread', async () => {
  await using verifier = new VerifierPool({ jobsBeforeThread: 0 })
  const started = await threadsStartedBy(async () => {
    for (let i = 0; i < 10; i++) await verifier.check([job(i, true)])
  })
  assert.is(started, 0)
})

test('the first jobs of a pool start no thread, the ones after them do', async () => {
  await using verifier = new VerifierPool({ workers: 1 })
  const jobs = Array.from({ length: jobsBeforeThread }, (_, at) => job(at % 50, at % 7 !== 3))
  const expected = expectedOf(jobsBeforeThread)
  const first = await threadsStartedBy(async () => {
    const halves = [jobs.slice(0, 500), jobs.slice(500)]
    const verdicts = await Promise.all(halves.map(half => verifier.check(half)))
    assert.equal([...concat(verdicts)], expected)
  })
  assert.is(first, 0)
  const second = await threadsStartedBy(async () => {
    assert.equal([...(await verifier.check(jobs))], expected)
  })
  assert.is(second, 1)
})

test('more queued jobs than a pool verifies itself, and a job with a large message, start a thread', async () => {
  await using verifier = new VerifierPool({ workers: 1 })
  const many = new Array<SignatureJob>(jobsBeforeThread + 1).fill(job(1, true))
  assert.is(await threadsStartedBy(async () => void (await verifier.check(many))), 1)
  await using other = new VerifierPool({ workers: 1 })
  const large = [signed(new Uint8Array(batchBytes), true), job(3, false)]
  const started = await threadsStartedBy(async () => assert.equal([...(await other.check(large))], [1, 0]))
  assert.is(started, 1)
})

test('a process with an idle pool exits, and one that waits for results gets them first', () => {
  const at = (file: string) => JSON.stringify(new URL(`../../src/crypto/${file}.js`, import.meta.url).href)
  const script = `
    import { VerifierPool } from ${at('verifier-pool')}
    import { Key } from ${at('key')}
    const key = Key.generate(), message = new Uint8Array(9)
    const one = { key: key.publicKeyBytes, sig: key.sign(message), message: [message] }
    const verdicts = await new VerifierPool().check(new Array(300).fill(one))
    console.log(verdicts.length, verdicts.every(verdict => verdict === 1))`
  const options = { encoding: 'utf8', timeout: 20_000 } as const
  assert.is(execFileSync(process.execPath, ['--input-type=module', '-e', script], options).trim(), '300 true')
})

test('an invalid number of workers is a TypeError', () => {
  for (const workers of [0, -1, 1.5, Number.NaN]) assert.throws(() => new VerifierPool({ workers }), TypeError)
})

async function threadsStartedBy(use: () => Promise<void>): Promise<number> {
  let started = 0
  const count = () => void started++
  process.on('worker', count)
  try {
    await use()
  } finally {
    process.off('worker', count)
  }
  return started
}

function job(index: number, valid: boolean): SignatureJob {
  return signed(
    Uint8Array.from({ length: 50 + index }, (_, at) => at * index),
    valid,
  )
}

function signed(message: Uint8Array, valid: boolean): SignatureJob {
  const sig = key.sign(message)
  if (!valid) sig[35]! ^= 4
  return { key: key.publicKeyBytes, sig, message: [message] }
}

function manyJobs(): SignatureJob[] {
  return new Array<SignatureJob>(200).fill(job(1, true))
}

function expectedOf(count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index % 7 !== 3 ? 1 : 0))
}

async function failsWith(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(hasCode(error, code), String(error))
}

test.run()
