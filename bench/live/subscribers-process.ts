// A process with hundreds of subscribers.

import { setMaxListeners } from 'node:events'
import { answerRequests } from '../child.ts'
import { Latencies } from './stamp.ts'
import { SeenLog, Subscriber, type Target } from './subscriber.ts'

/** Polling interval, in milliseconds. */
const LOOK_MS = 5

interface Wish {
  readonly count: number
  readonly target: Target
  readonly abreast: number
  readonly msMax: number
}

const over = new AbortController()
setMaxListeners(0, over.signal) // each subscriber listens
const log = new SeenLog()
const latencies = new Latencies()
const subscribers: Subscriber[] = []

/**
 * Waits until a condition holds for every subscriber; returns the time it took.
 * @throws Error on timeout
 */
async function untilAll(holds: (subscriber: Subscriber) => boolean, msMax: number): Promise<number> {
  const started = performance.now()
  while (!subscribers.every(holds)) {
    if (performance.now() - started > msMax) {
      const done = subscribers.filter(holds).length
      throw new Error(`only ${done} of ${subscribers.length} subscribers after ${msMax} ms`)
    }
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
  return performance.now() - started
}

answerRequests(
  {
    /** Starts subscribers, `abreast` concurrently; returns when all have caught up. */
    async subscribe({ count, target, abreast, msMax }: Wish) {
      for (let started = 0; started < count; ) {
        for (const last = Math.min(count, started + abreast); started < last; started += 1) {
          const subscriber = new Subscriber({ log, latencies, over: over.signal })
          subscribers.push(subscriber)
          void subscriber.run(target)
        }
        await untilAll(({ caughtUp }) => caughtUp > 0, msMax)
      }
    },
    async startMeasuring() {
      latencies.clear()
    },
    /** Waits until all have this many nodes; returns the totals. */
    async measure({ nodes, msMax }: { nodes: number; msMax: number }) {
      await untilAll(({ count }) => count >= nodes, msMax)
      const outOfOrder = subscribers.reduce((sum, one) => sum + one.outOfOrder, 0)
      return { outOfOrder, ages: latencies.spread() }
    },
    /** Waits until all have caught up this often. */
    async caughtUp({ times, msMax }: { times: number; msMax: number }) {
      const ms = await untilAll(({ caughtUp }) => caughtUp >= times, msMax)
      return { ms, failures: subscribers.reduce((sum, one) => sum + one.failures, 0) }
    },
  },
  async () => over.abort(),
)
