// A new replica from a hub: every node is sent, every signature checked, and everything on the disk
// when the call returns. `headers` leaves the texts out. The row `signatures alone` is the floor: a
// pool of the same threads checks the same signatures and does nothing else.

import { VerifierPool } from '../../src/crypto/verifier-pool.ts'
import { decodeNode, NODE_DOMAIN } from '../../src/node/node.ts'
import { Replica } from '../../src/replica/replica.ts'
import { openLevelDb } from '../../src/store/index.ts'
import type { NodeRow } from '../../src/store/store.ts'
import type { Bench, Place } from '../bench.ts'
import { type Job, type Timed, timed } from '../job.ts'
import type { Row } from '../samples.ts'
import { folderBytes, frontier } from '../stores.ts'
import { countWire } from '../wire.ts'

interface Cloned {
  readonly ms: number
  readonly cpuMs: number
  readonly admitted: number
  readonly trips: number
  readonly frames: number
  readonly sent: number
  readonly received: number
  readonly diskBytes: number
}

interface CloneArguments {
  readonly folder: string
  readonly url: string
  readonly key: string
  readonly job: 'clone' | 'headers'
}

export const clone: Job = {
  name: 'clone',
  sizes: [1_000, 10_000, 100_000, 1_000_000],
  shapes: ['mesh', 'chain', 'wide', 'heads'],
  async *rows(bench, place) {
    yield await cloneRow(bench, place, 'clone')
    yield await signaturesRow(bench, place)
  },
  tasks: {
    async clone({ folder, url, key, job }: CloneArguments): Promise<Cloned> {
      const texts = job === 'headers' ? ({ texts: 'none' } as const) : {}
      const options = { location: folder, key, frontier, adoptRegistry: true, ...texts }
      const { result, ms, cpuMs, sent, received } = await countWire(() => Replica.clone(url, options))
      const { replica, report } = result
      await replica.close()
      if (!report.equal || report.heldCount + report.refusedCount > 0) throw new Error(`cloned less: ${report.note}`)
      const frames = report.sentFrames + report.receivedFrames
      const { admitted, roundTrips: trips } = report
      return { ms, cpuMs, admitted, trips, frames, sent, received, diskBytes: await folderBytes(folder) }
    },
    checkSignatures,
  },
}

/** The same without texts. */
export const headers: Job = {
  name: 'headers',
  sizes: clone.sizes,
  shapes: ['mesh'],
  async *rows(bench, place) {
    yield await cloneRow(bench, place, 'headers')
  },
  tasks: {},
}

async function cloneRow(bench: Bench, place: Place, job: CloneArguments['job']): Promise<Row> {
  await using hub = await bench.hub(await bench.store(place))
  return await bench.row({ job, what: '', ...place }, () =>
    bench.scratch(async folder => {
      const { url, key } = hub
      const run = await hub.measured(() => bench.run<Cloned>('clone', { folder, url, key, job }))
      const { ms, cpuMs, admitted, trips, frames, sent, received, diskBytes, rssBytes, hubRssBytes, hubCpuMs } = run
      if (admitted !== place.size) throw new Error(`${admitted} of ${place.size} nodes were admitted`)
      return {
        ms,
        cpuMs,
        events: admitted,
        counts: { nodes: admitted, sent, received, frames, trips },
        rssBytes,
        hubRssBytes,
        hubCpuMs,
        diskBytes,
      }
    }),
  )
}

async function signaturesRow(bench: Bench, place: Place): Promise<Row> {
  const folder = await bench.store(place)
  return bench.row({ job: 'clone', what: 'signatures alone', ...place }, () =>
    bench.copy(folder, async copy => {
      const run = await bench.run<Timed & { events: number }>('checkSignatures', { folder: copy })
      const { ms, cpuMs, events, rssBytes } = run
      return { ms, cpuMs, events, counts: { nodes: events }, rssBytes }
    }),
  )
}

/** Nodes that are read before their checks are timed. */
const chunkNodes = 16_384
const jobsPerCall = 512

async function checkSignatures({ folder }: { folder: string }): Promise<Timed & { events: number }> {
  await using store = await openLevelDb(folder)
  await using verifier = new VerifierPool()
  let [ms, cpuMs, events] = [0, 0, 0]
  let chunk: NodeRow[] = []
  const check = async (): Promise<void> => {
    const jobs = chunk.splice(0).map(({ bytes }) => {
      const { key, sig, body } = decodeNode(bytes)
      return { key, sig, message: [NODE_DOMAIN, body] }
    })
    const calls = Array.from({ length: Math.ceil(jobs.length / jobsPerCall) }, (_, at) =>
      jobs.slice(at * jobsPerCall, (at + 1) * jobsPerCall),
    )
    const run = await timed(() => Promise.all(calls.map(call => verifier.check(call))))
    if (run.result.some(verdicts => verdicts.includes(0))) throw new Error('a signature is not valid')
    ms += run.ms
    cpuMs += run.cpuMs
    events += jobs.length
  }
  for await (const rows of store.frontier(frontier).scan({ from: 0 })) {
    chunk = chunk.concat(rows)
    if (chunk.length >= chunkNodes) await check()
  }
  await check()
  return { ms, cpuMs, events }
}
