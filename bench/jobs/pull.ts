// A pull in a new process by a replica that pulled before and lacks a few nodes, all of which the
// hub has.

import { Replica } from '../../src/replica/replica.ts'
import type { Place } from '../bench.ts'
import { type Job, timed } from '../job.ts'
import { frontier, hubId } from '../stores.ts'
import { countWire } from '../wire.ts'

export interface Pulled {
  readonly ms: number
  readonly cpuMs: number
  /** Time to open the store. */
  readonly openMs: number
  readonly admitted: number
  readonly equal: boolean
  readonly trips: number
  readonly frames: number
  readonly sent: number
  readonly received: number
}

export const missing: readonly number[] = [1, 10, 1_000]

export const pull: Job = {
  name: 'pull',
  sizes: [1_000, 10_000, 100_000, 1_000_000],
  shapes: ['mesh', 'heads'],
  async *rows(bench, place) {
    for (const count of missing) {
      const [theirs, ours] = [await bench.store(place), await bench.clonedStore(place)]
      yield await bench.copy(theirs, async folder => {
        await bench.run('addNodes', { folder, ...more(place, count), side: 'hub' })
        await using hub = await bench.hub(folder)
        const label = { job: 'pull', what: `${count.toLocaleString('en')} missing`, ...place }
        return await bench.row(label, () =>
          bench.copy(ours, async folder => {
            const run = await hub.measured(() => bench.run<Pulled>('pull', { folder, url: hub.url, key: hub.key }))
            const { ms, cpuMs, admitted, equal, trips, frames, sent, received, rssBytes, hubRssBytes, hubCpuMs } = run
            if (admitted !== count || !equal) throw new Error(`${admitted} of ${count} nodes were admitted`)
            return {
              ms,
              cpuMs,
              events: count,
              counts: { nodes: admitted, sent, received, frames, trips },
              rssBytes,
              hubRssBytes,
              hubCpuMs,
            }
          }),
        )
      })
    }
  },
  tasks: {
    async pull({ folder, url, key }: { folder: string; url: string; key: string }): Promise<Pulled> {
      const { result: replica, ms: openMs } = await timed(() => Replica.open({ location: folder }))
      await replica.registry(frontier).add({ id: hubId, url, publicKey: key })
      const { result: report, ms, cpuMs, sent, received } = await countWire(() => replica.pull(frontier, hubId))
      await replica.close()
      if (report.heldCount + report.refusedCount > 0) throw new Error(`something was held or refused: ${report.note}`)
      const frames = report.sentFrames + report.receivedFrames
      const { admitted, equal, roundTrips: trips } = report
      return { ms, cpuMs, openMs, admitted, equal, trips, frames, sent, received }
    },
  },
}

/** Further nodes of the same shape after a log. */
export function more({ shape }: Place, count: number): { shape: Place['shape']; count: number } {
  return { shape, count }
}
