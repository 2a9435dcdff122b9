// A hub of a live measurement in its own process: it listens, follows another hub, writes at a
// given rate, and reports the age of events when they became durable here, and its costs.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { makeEvent } from '../../src/event/event.ts'
import { Hub } from '../../src/hub/hub.ts'
import { contextOf } from '../../src/replica/replica.ts'
import { answerRequests } from '../child.ts'
import { events } from '../data.ts'
import { peakRssBytes, resetPeakRss } from '../memory.ts'
import { frontier, seed } from '../stores.ts'
import { ageMs, Latencies, stamped } from './stamp.ts'

/** Sampling interval of the event loop delay, in milliseconds. */
const LOOP_RESOLUTION_MS = 1
/** Warm-up events, so that the measured code is compiled. */
const BATCHES_PER_SECOND = 20

let hub: Hub | undefined
let location = ''
const over = new AbortController()
const latencies = new Latencies()
let loop: IntervalHistogram | undefined
let started = { cpu: process.cpuUsage(), at: performance.now() }
let drafts: ReturnType<typeof events> | undefined

function opened(): Hub {
  if (hub === undefined) throw new Error('the hub does not listen yet')
  return hub
}

/**
 * Records the age of each new node. Nodes come from the recent rows in memory if possible, because
 * reading the store would cost more than the measured work.
 */
function noteAges(): void {
  const context = contextOf(opened().replica)
  const followed = context.frontier(frontier)
  const { log, recentRows } = followed
  recentRows.join()
  let next = log.nodes
  let reading = Promise.resolve()
  followed.onCommit(() => {
    const now = process.hrtime.bigint()
    const [from, to] = [next, log.nodes]
    next = to
    const kept = recentRows.take(from, to, Number.POSITIVE_INFINITY)
    if (kept?.length === to - from) return void setImmediate(() => note(kept, now)) // behind what is to be sent
    reading = reading.then(async () => {
      for await (const rows of log.scan({ from, to })) note(rows, now)
    })
  })
}

function note(rows: readonly { readonly bytes: Uint8Array }[], now: bigint): void {
  for (const { bytes } of rows) latencies.add(ageMs(bytes, now))
}

function nextDraft(): ReturnType<typeof stamped> {
  drafts ??= events(seed + process.pid, Number.MAX_SAFE_INTEGER)
  return stamped(drafts.next().value!)
}

/** Calls `act` at a fixed rate, also when it does not keep up; returns the greatest delay. */
async function atRate(options: { perSecond: number; seconds: number }, act: (index: number) => void): Promise<number> {
  const { perSecond, seconds } = options
  const from = performance.now()
  let lateMs = 0
  for (let index = 0; index < perSecond * seconds; index += 1) {
    const due = from + (index * 1000) / perSecond
    const wait = due - performance.now()
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait))
    lateMs = Math.max(lateMs, performance.now() - due)
    act(index)
  }
  return lateMs
}

/** The subscribers of a measurement have one address. A trusted proxy has no limit per address. */
const trustedProxies = ['127.0.0.1']

answerRequests(
  {
    async listen({ folder, hubId, port = 0 }: { folder: string; hubId: string; port?: number }) {
      location = folder
      hub = await Hub.listen({ location: folder, create: true, hubId, port, trustedProxies })
      await hub.replica.track(frontier)
      noteAges()
      return { id: hub.replica.hubId, url: hub.url, key: hub.replica.key.publicKey }
    },
    async register(peer: { id: string; url: string; key: string }) {
      await opened().replica.registry(frontier).add({ id: peer.id, url: peer.url, publicKey: peer.key })
    },
    /** Follows a registered hub; returns when it has caught up. */
    async follow({ id }: { id: string }) {
      await new Promise<void>((resolve, reject) => {
        opened()
          .replica.live(frontier, id, { mode: 'pull', signal: over.signal, onRound: () => resolve() })
          .catch(reject)
      })
    },
    /** Appends one event after another, each at its time. */
    async append({ rate, seconds }: { rate: number; seconds: number }) {
      const appends: Promise<unknown>[] = []
      const lateMs = await atRate({ perSecond: rate, seconds }, () => {
        appends.push(opened().replica.append(frontier, nextDraft()))
      })
      await Promise.all(appends)
      return { written: appends.length, lateMs }
    },
    /** The same rate in batches, twenty per second. */
    async import({ rate, seconds }: { rate: number; seconds: number }) {
      const size = Math.round(rate / BATCHES_PER_SECOND)
      let written = 0
      let writing = Promise.resolve()
      const started = performance.now()
      await atRate({ perSecond: BATCHES_PER_SECOND, seconds }, () => {
        writing = writing.then(async () => {
          const texts = Array.from({ length: size }, () => makeEvent(nextDraft()).text)
          await opened().replica.import(frontier, () => texts)
          written += size
        })
      })
      await writing
      return { written, ms: performance.now() - started }
    },
    async startMeasuring() {
      latencies.clear()
      resetPeakRss()
      loop?.disable()
      loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
      loop.enable()
      started = { cpu: process.cpuUsage(), at: performance.now() }
    },
    async measure() {
      const { user, system } = process.cpuUsage(started.cpu)
      const wallMs = performance.now() - started.at
      const loopMs = (loop?.percentile(99) ?? 0) / 1e6 - LOOP_RESOLUTION_MS
      const { nodes } = contextOf(opened().replica).frontier(frontier).log
      const ages = latencies.spread()
      return { nodes, ages, loopMs, wallMs, cpuMs: (user + system) / 1000, rssBytes: peakRssBytes() }
    },
    /** Closes and listens again at the same address, so every connection is lost. */
    async listenAgain() {
      const port = Number(new URL(opened().url).port)
      await opened().close()
      hub = await Hub.listen({ location, port, trustedProxies })
      noteAges()
    },
  },
  async () => {
    over.abort()
    await hub?.close()
  },
)
