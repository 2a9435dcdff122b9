// A new replica from a hub: every node is sent, every signature checked, and everything on the disk
// when the call returns.

import { Replica } from '../../src/replica/replica.ts'
import type { Bench, Place } from '../bench.ts'
import type { Job } from '../job.ts'
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

export const clone: Job = {
  name: 'clone',
  sizes: [1_000, 10_000, 100_000, 1_000_000],
  shapes: ['mesh', 'chain', 'wide', 'heads'],
  async *rows(bench, place) {
    yield await cloneRow(bench, place)
  },
  tasks: {
    async clone({ folder, url, key }: { folder: string; url: string; key: string }): Promise<Cloned> {
      const options = { location: folder, key, frontier, adoptRegistry: true }
      const { result, ms, cpuMs, sent, received } = await countWire(() => Replica.clone(url, options))
      const { replica, report } = result
      await replica.close()
      if (!report.equal || report.heldCount + report.refusedCount > 0) throw new Error(`cloned less: ${report.note}`)
      const frames = report.sentFrames + report.receivedFrames
      const { admitted, roundTrips: trips } = report
      return { ms, cpuMs, admitted, trips, frames, sent, received, diskBytes: await folderBytes(folder) }
    },
  },
}

async function cloneRow(bench: Bench, place: Place): Promise<Row> {
  await using hub = await bench.hub(await bench.store(place))
  return await bench.row({ job: 'clone', what: '', ...place }, () =>
    bench.scratch(async folder => {
      const { url, key } = hub
      const run = await hub.measured(() => bench.run<Cloned>('clone', { folder, url, key }))
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
