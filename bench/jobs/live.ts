// Hubs that follow each other: the time from `append` at one to durable at another, the greatest
// rate of a link, and the cost of many subscribers for their hub. Real processes, LevelDB, sockets
// on the loopback; see bench/README.md.

import type { Bench } from '../bench.ts'
import type { Job } from '../job.ts'
import { Crowd, type Delivered, LiveHub } from '../live/scene.ts'
import type { Spread } from '../live/stamp.ts'
import { type Counts, type Row, rowOf, type Sample } from '../samples.ts'

const appendsPerSecond = 100
/** Warm-up events, so that the measurement does not include the compilation of a new hub's code. */
const warmUpLoad = { rate: 400, seconds: 6 }
const fanOutPerSecond = 20
/** Rates to try in ascending order until one fails. Events per second. */
const rates = [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 12_000]
/**
 * A rate passes if the last event arrives this soon after the writer's end and no event is older
 * than this.
 */
const lagMsMax = 1_000
/** The writer may be slower than requested by this factor. */
const writerSlack = 1.05
const patienceMs = 120_000
const abreast = 2
const catchingUp = { subscribers: 100, events: 10_000 }
const stormSubscribers = 500

type Measure = (bench: Bench, folder: string) => Promise<Sample>

function spreadFigures(ages: Spread): { [name: string]: number } {
  return { 'p50 ms': ages.p50, 'p95 ms': ages.p95, 'p99 ms': ages.p99, 'most ms': ages.most }
}

/** A chain of hubs, each following the previous one; all register the first, which writes. */
class Chain {
  readonly hubs: LiveHub[] = []

  async add(bench: Bench, folder: string): Promise<void> {
    const [first] = this.hubs
    const previous = this.hubs.at(-1)
    const hub = await LiveHub.start(bench, folder, `hub-${this.hubs.length}`)
    this.hubs.push(hub)
    if (first !== undefined) await hub.register(first)
    if (previous === undefined) return
    if (previous !== first) await hub.register(previous)
    await hub.follow(previous)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const hub of this.hubs.reverse()) await hub[Symbol.asyncDispose]()
  }
}

/** From `append` at the first hub to durable at the last. */
function latency(hops: number): Measure {
  return async (bench, folder) => {
    await using chain = new Chain()
    for (let hub = 0; hub <= hops; hub += 1) await chain.add(bench, folder)
    const [first, last] = [chain.hubs[0]!, chain.hubs.at(-1)!]
    const warmUp = await first.append(bench.quick ? { rate: appendsPerSecond, seconds: 1 } : warmUpLoad)
    await last.until(warmUp.written, patienceMs)
    for (const hub of [first, last]) await hub.startMeasuring()
    const { written } = await first.append({ rate: appendsPerSecond, seconds: bench.quick ? 3 : 10 })
    await last.until(warmUp.written + written, patienceMs)
    const [ours, theirs] = [await last.measure(), await first.measure()]
    if (ours.ages.count !== written) throw new Error(`${written} were written and ${ours.ages.count} came`)
    return {
      ms: ours.wallMs,
      cpuMs: ours.cpuMs,
      hubCpuMs: theirs.cpuMs,
      events: written,
      counts: { nodes: written },
      rssBytes: ours.rssBytes,
      hubRssBytes: theirs.rssBytes,
      figures: spreadFigures(ours.ages),
    }
  }
}

/** The greatest rate over one link at which the follower keeps up; each rate has one retry. */
const sustained: Measure = async (bench, folder) => {
  await using chain = new Chain()
  for (const _ of [1, 2]) await chain.add(bench, folder)
  let best: Sample | undefined
  for (const rate of rates) {
    const sample = (await atRate(bench, chain, rate)) ?? (await atRate(bench, chain, rate))
    if (sample === undefined) break
    best = sample
  }
  if (best === undefined) throw new Error(`not even ${rates[0]} events a second were kept up with`)
  return best
}

/** Undefined if the rate is too high for the writer or the follower. */
async function atRate(bench: Bench, { hubs }: Chain, rate: number): Promise<Sample | undefined> {
  const [writer, follower] = hubs as [LiveHub, LiveHub]
  const { nodes: before } = await writer.measure()
  for (const hub of hubs) await hub.startMeasuring()
  const { written, ms } = await writer.import({ rate, seconds: bench.quick ? 2 : 5 })
  const tailMs = await follower.until(before + written, patienceMs)
  const [ours, theirs] = [await follower.measure(), await writer.measure()]
  const isWritten = (written / ms) * 1000 * writerSlack >= rate
  if (!isWritten || tailMs > lagMsMax || ours.ages.p99 > lagMsMax) return undefined
  return {
    ms,
    cpuMs: ours.cpuMs,
    hubCpuMs: theirs.cpuMs,
    events: written,
    counts: {},
    rssBytes: ours.rssBytes,
    hubRssBytes: theirs.rssBytes,
    figures: { 'events/s': rate, ...spreadFigures(ours.ages) },
  }
}

/** Checks that all events arrived once, in the hub's order. */
function delivered({ ages, outOfOrder }: Delivered, nodes: number, subscribers: number): Counts {
  const lost = nodes * subscribers - ages.count
  if (lost !== 0 || outOfOrder !== 0) throw new Error(`${lost} events were lost and ${outOfOrder} came out of order`)
  return { nodes, lost }
}

/** Each event to every subscriber. */
function fanOut(subscribers: number): Measure {
  return async (bench, folder) => {
    await using hub = await LiveHub.start(bench, folder, 'hub')
    await using crowd = Crowd.start(bench)
    const warmUp = await hub.append({ rate: fanOutPerSecond, seconds: 1 })
    await crowd.subscribe(subscribers, { target: hub.target, abreast, msMax: patienceMs })
    await crowd.startMeasuring()
    await hub.startMeasuring()
    const { written } = await hub.append({ rate: fanOutPerSecond, seconds: bench.quick ? 3 : 10 })
    const crowded = await crowd.measure(warmUp.written + written, patienceMs)
    const { wallMs, cpuMs, rssBytes, loopMs } = await hub.measure()
    return {
      ms: wallMs,
      cpuMs,
      events: written * subscribers,
      counts: delivered(crowded, written, subscribers),
      rssBytes,
      figures: { ...spreadFigures(crowded.ages), 'hub CPU %': (100 * cpuMs) / wallMs, 'event loop p99 ms': loopMs },
    }
  }
}

/** All start at once with empty logs, while the delay of the hub's event loop is measured. */
const catchUp: Measure = async (bench, folder) => {
  const { subscribers, events } = catchingUp
  await using hub = await LiveHub.start(bench, folder, 'hub')
  await using crowd = Crowd.start(bench)
  const { written } = await hub.import({ rate: events, seconds: 1 })
  await hub.startMeasuring()
  await crowd.subscribe(subscribers, { target: hub.target, abreast: subscribers, msMax: patienceMs })
  const crowded = await crowd.measure(written, patienceMs)
  const { wallMs, cpuMs, rssBytes, loopMs } = await hub.measure()
  return {
    ms: wallMs,
    cpuMs,
    events: written * subscribers,
    counts: delivered(crowded, written, subscribers),
    rssBytes,
    figures: { 'event loop p99 ms': loopMs },
  }
}

/** Every connection closes at once, and all subscribers reconnect. */
const storm: Measure = async (bench, folder) => {
  await using hub = await LiveHub.start(bench, folder, 'hub')
  await using crowd = Crowd.start(bench)
  const warmUp = await hub.append({ rate: fanOutPerSecond, seconds: 1 })
  await crowd.subscribe(stormSubscribers, { target: hub.target, abreast, msMax: patienceMs })
  await crowd.startMeasuring()
  await hub.listenAgain()
  await hub.startMeasuring()
  const { ms, failures } = await crowd.caughtUp(2, patienceMs)
  const { written } = await hub.append({ rate: fanOutPerSecond, seconds: 1 })
  const crowded = await crowd.measure(warmUp.written + written, patienceMs)
  const { cpuMs, rssBytes, loopMs } = await hub.measure()
  return {
    ms,
    cpuMs,
    events: stormSubscribers,
    counts: delivered(crowded, written, stormSubscribers),
    rssBytes,
    figures: { 'all back after ms': ms, 'sessions and dials that failed': failures, 'event loop p99 ms': loopMs },
  }
}

const measures: readonly { what: string; size: number; measure: Measure }[] = [
  { what: `one hop, ${appendsPerSecond}/s`, size: 0, measure: latency(1) },
  { what: `three hops, ${appendsPerSecond}/s`, size: 0, measure: latency(3) },
  { what: 'greatest rate, one link', size: 0, measure: sustained },
  { what: `100 subscribers, ${fanOutPerSecond}/s`, size: 0, measure: fanOut(100) },
  { what: `1,000 subscribers, ${fanOutPerSecond}/s`, size: 0, measure: fanOut(1_000) },
  { what: `${catchingUp.subscribers} subscribers catch up`, size: catchingUp.events, measure: catchUp },
  { what: `${stormSubscribers} subscribers come back`, size: 0, measure: storm },
]

async function rowFor(bench: Bench, { what, size, measure }: (typeof measures)[number]): Promise<Row> {
  const samples: Sample[] = []
  const runs = bench.quick ? 1 : bench.runs
  for (let run = 1; run <= runs; run += 1) {
    bench.say(`live ${what}: run ${run} of ${runs}`)
    samples.push(await bench.scratch(folder => measure(bench, folder)))
  }
  return rowOf({ job: 'live', what, shape: 'chain', size }, samples)
}

export const live: Job = {
  name: 'live',
  sizes: [0],
  shapes: ['chain'],
  async *rows(bench) {
    for (const one of measures) yield await rowFor(bench, one)
  },
  tasks: {},
}
