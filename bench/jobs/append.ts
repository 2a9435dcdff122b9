// New events of one's own. `one by one`: each is signed, checked and on the disk before the next is made, as a program does
// that waits for every answer. `batched`: the same events handed over together.

import { Replica } from '../../src/replica.ts'
import { makeEvent } from '../../src/vela/event.ts'
import { events } from '../data.ts'
import { type Job, type Timed, timed } from '../job.ts'
import { folderBytes, frontier, seed } from '../stores.ts'

/** Each costs a sync of the disk: more would only take longer. */
const oneByOneMax = 1_000

interface Appended extends Timed {
  readonly nodes: number
  readonly diskBytes: number
}

export const append: Job = {
  name: 'append',
  sizes: [1_000, 10_000],
  shaped: false,
  async *rows(bench, place) {
    for (const what of ['one by one', 'batched'] as const) {
      if (what === 'one by one' && place.size > oneByOneMax) continue
      yield await bench.row({ job: 'append', what, ...place }, () =>
        bench.scratch(async folder => {
          const run = await bench.run<Appended>('append', { folder, what, count: place.size })
          const { ms, cpuMs, nodes, diskBytes, rssBytes } = run
          return { ms, cpuMs, events: nodes, exact: { nodes }, rssBytes, diskBytes }
        }),
      )
    }
  },
  tasks: {
    async append({ folder, what, count }: { folder: string; what: string; count: number }): Promise<Appended> {
      const replica = await Replica.open({ location: folder, create: true })
      await replica.track(frontier)
      const drafts = [...events(seed, count)]
      const texts = what === 'batched' ? drafts.map(draft => makeEvent(draft).text) : []
      const { ms, cpuMs } = await timed(async () => {
        if (what === 'batched') await replica.import(frontier, () => texts)
        else for (const draft of drafts) await replica.append(frontier, draft)
      })
      const { frontiers } = await replica.status()
      await replica.close()
      return { ms, cpuMs, nodes: frontiers[0]!.nodes, diskBytes: await folderBytes(folder) }
    },
  },
}
