// `node dist/test/campaign/fuzz.js [--seconds N] [--seed S]`: mutates nodes, DAG-CBOR and events for N seconds (60) and
// prints how many inputs each reader took. The loop runs in a worker; the main thread watches it, so that an input
// that never ends is named too. Exit code 1 with input and seed at the first failure.
// Short form: test/node/fuzz.test.ts

import * as process from 'node:process'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { toHex } from '../../src/base/bytes.ts'
import { type FuzzReport, fuzz, hangMs } from './fuzz-loop.ts'

/** Shared between the threads: a count of inputs, length of the current one, then its bytes. */
const roomBytes = 128 * 1024

interface Job {
  readonly seconds: number
  readonly seed: number
  readonly room: SharedArrayBuffer
}

function work({ seconds, seed, room }: Job): void {
  const counters = new Int32Array(room, 0, 2)
  const bytes = new Uint8Array(room, 8)
  const onInput = (_: string, input: Uint8Array): void => {
    bytes.set(input)
    counters[1] = input.length
    Atomics.add(counters, 0, 1)
  }
  parentPort!.postMessage(fuzz({ seconds, seed, onInput }))
}

function watch(seconds: number, seed: number): void {
  const room = new SharedArrayBuffer(roomBytes)
  const counters = new Int32Array(room, 0, 2)
  const worker = new Worker(new URL(import.meta.url), { workerData: { seconds, seed, room } satisfies Job })
  const fail = (reason: string): never => {
    console.error(`FAILED with --seed ${seed}: ${reason}`)
    process.exit(1)
  }
  let last = -1
  // timer: an input that never ends is seen by nothing else; twice the bound, as the loop itself names what is merely slow
  const timer = setInterval(() => {
    const now = Atomics.load(counters, 0)
    if (now === last && now > 0) {
      fail(
        `an input takes more than ${hangMs} ms\n  input ${toHex(Uint8Array.from(new Uint8Array(room, 8, counters[1])))}`,
      )
    }
    last = now
  }, 2 * hangMs)
  worker.on('error', error => fail(error.message))
  worker.on('message', (reports: FuzzReport[]) => {
    clearInterval(timer)
    print(reports, seed)
  })
}

function print(reports: readonly FuzzReport[], seed: number): void {
  for (const { target, inputs, classes, slowestMs } of reports) {
    const columns = [target.padEnd(14), `${inputs} inputs`.padStart(18), `${classes} outcomes`.padStart(16)]
    console.log(`${columns.join('')}   slowest ${slowestMs.toFixed(1)} ms`)
  }
  const sum = reports.reduce((total, { inputs }) => total + inputs, 0)
  console.log(`${sum} inputs, 0 failures, seed ${seed}`)
}

function argument(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name)
  const value = at < 0 ? otherwise : Number(process.argv[at + 1])
  if (!Number.isFinite(value) || value < 0) throw new TypeError(`${name} wants a number`)
  return value
}

if (isMainThread) watch(argument('--seconds', 60), argument('--seed', Date.now() % 2 ** 31))
else work(workerData)
