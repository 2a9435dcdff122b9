// Two replicas with a long common log, each with nodes that the other lacks. Measured is the pull
// of the other side's nodes. `first meeting`: neither has sync state about the other, as if both
// had cloned a third hub; `met before`: the puller has its cursor. Afterwards, untimed, it pushes
// its own nodes, and both must have equal heads.

import * as path from 'node:path'
import { Key } from '../../src/crypto/key.ts'
import { Replica } from '../../src/replica/replica.ts'
import type { Bench, Place } from '../bench.ts'
import type { Job } from '../job.ts'
import type { Row } from '../samples.ts'
import { frontier, hubId } from '../stores.ts'
import { more, type Pulled } from './pull.ts'

const apart: readonly number[] = [10, 1_000]

export const diverged: Job = {
  name: 'diverged',
  sizes: [1_000, 10_000],
  shapes: ['mesh', 'chain', 'wide', 'heads'],
  async *rows(bench, place) {
    for (const count of apart) {
      yield await divergedRow(bench, place, { count, met: false })
      if (place.shape === 'mesh') yield await divergedRow(bench, place, { count, met: true })
    }
  },
  tasks: {
    /** Pushes the nodes that the hub lacks; returns whether both are in sync. */
    async pushBack({ folder }: { folder: string }): Promise<{ equal: boolean; sent: number }> {
      await using replica = await Replica.open({ location: folder })
      const { equal, admitted } = await replica.push(frontier, hubId)
      return { equal, sent: admitted }
    },
    async publicKey({ folder }: { folder: string }): Promise<{ key: string }> {
      return { key: (await Key.load(path.join(folder, 'key'))).publicKey }
    },
  },
}

function divergedRow(bench: Bench, place: Place, { count, met }: { count: number; met: boolean }): Promise<Row> {
  const what = `${count.toLocaleString('en')} each, ${met ? 'met before' : 'first meeting'}`
  return withBothSides(bench, place, count, async (theirs, ours) => {
    if (!met) await bench.run('forgetCursors', { folder: ours })
    const { key: writer } = await bench.run<{ key: string }>('publicKey', { folder: ours })
    await using hub = await bench.hub(theirs, { writer })
    const { url, key } = hub
    const row = await bench.row({ job: 'diverged', what, ...place }, () =>
      bench.copy(ours, async folder => {
        const run = await hub.measured(() => bench.run<Pulled>('pull', { folder, url, key }))
        const { ms, cpuMs, admitted, trips, frames, sent, received, rssBytes, hubRssBytes, hubCpuMs } = run
        if (admitted !== count) throw new Error(`${admitted} of ${count} nodes were admitted`)
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
    await bench.run('pull', { folder: ours, url, key })
    const back = await bench.run<{ equal: boolean; sent: number }>('pushBack', { folder: ours })
    if (!back.equal || back.sent !== count) throw new Error(`${what}: the two did not converge`)
    return row
  })
}

/** Copies of a hub's store and its clone, each with `count` nodes that the other lacks. */
function withBothSides<T>(
  bench: Bench,
  place: Place,
  count: number,
  use: (theirs: string, ours: string) => Promise<T>,
): Promise<T> {
  return bench.store(place).then(store =>
    bench.copy(store, async theirs => {
      await bench.run('addNodes', { folder: theirs, ...more(place, count), side: 'hub' })
      return bench.copy(await bench.clonedStore(place), async ours => {
        await bench.run('addNodes', { folder: ours, ...more(place, count), side: 'visitor' })
        return use(theirs, ours)
      })
    }),
  )
}
