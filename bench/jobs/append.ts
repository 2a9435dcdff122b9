// New local events. `one by one`: each is signed, checked and on the disk before the next is made,
// as in a program that awaits each call. `batched`: the same events in one call.

import { makeEvent } from '../../src/event/event.ts'
import { Replica } from '../../src/replica/replica.ts'
import { events } from '../data.ts'
import { type Job, type Timed, timed } from '../job.ts'
import { folderBytes, frontier, seed } from '../stores.ts'

/** Each costs an fsync, so more events only take longer. */
const oneByOneMax = 1_000

async function batched(replica: Replica, count: number): Promise<Timed> {
  const texts = Array.from(events(seed, count), draft => new Uint8Array(makeEvent(draft).text))
  return timed(() => replica.import(frontier, () => texts))
}

async function oneByOne(replica: Replica, count: number): Promise<Timed> {
  const drafts = [...events(seed, count)]
  return timed(async () => {
    for (const draft of drafts) await replica.append(frontier, draft)
  })
}

interface Appended extends Timed {
  readonly nodes: number
  readonly diskBytes: number
}

export const append: Job = {
  name: 'append',
  sizes: [1_000, 10_000, 100_000],
  shapes: ['chain'],
  async *rows(bench, place) {
    for (const what of ['one by one', 'batched'] as const) {
      if (what === 'one by one' && place.size > oneByOneMax) continue
      yield await bench.row({ job: 'append', what, ...place }, () =>
        bench.scratch(async folder => {
          const run = await bench.run<Appended>('append', { folder, what, count: place.size })
          const { ms, cpuMs, nodes, diskBytes, rssBytes } = run
          return { ms, cpuMs, events: nodes, counts: { nodes }, rssBytes, diskBytes }
        }),
      )
    }
  },
  tasks: {
    async append({ folder, what, count }: { folder: string; what: string; count: number }): Promise<Appended> {
      const replica = await Replica.open({ location: folder, create: true })
      await replica.track(frontier)
      const { ms, cpuMs } = await (what === 'batched' ? batched(replica, count) : oneByOne(replica, count))
      const { frontiers } = await replica.status()
      await replica.close()
      return { ms, cpuMs, nodes: frontiers[0]!.nodes, diskBytes: await folderBytes(folder) }
    },
  },
}
